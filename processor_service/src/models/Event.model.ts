import { defineEventModel, type EventModel } from '@analytics/shared/eventModel';
import type { Connection } from 'mongoose';

/** The event model of the one service that writes events. */
export function createEventModel(connection: Connection): EventModel {
  return defineEventModel(connection);
}

/** Builds the indexes that are missing. The writer does so, because it must be there before anything is to be read. */
export async function buildEventIndexes(Event: EventModel): Promise<void> {
  await Event.createIndexes();
}
