import { defineEventModel, type EventModel } from '@analytics/shared/eventModel';
import type { Logger } from '@analytics/shared/logger';
import { waitForMongo } from '@analytics/shared/mongo';
import type { Connection } from 'mongoose';

/** The event model of the one service that writes events. */
export function createEventModel(connection: Connection): EventModel {
  return defineEventModel(connection);
}

/**
 * Builds the indexes that are missing. The writer does so, because it must be there before anything is to be read. Resolves
 * with false only if `signal` ended the waiting for MongoDB.
 */
export function buildEventIndexes(Event: EventModel, signal: AbortSignal, logger: Logger): Promise<boolean> {
  return waitForMongo(() => Event.createIndexes(), {
    dependency: 'The index build in MongoDB',
    signal,
    logger,
  });
}
