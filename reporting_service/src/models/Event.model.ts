import { defineEventModel, type EventModel } from '@analytics/shared/event/eventModel';
import type { Connection } from 'mongoose';

/** The event model of a service that only reads: it builds no collection and no index. */
export function createEventModel(connection: Connection): EventModel {
  return defineEventModel(connection);
}
