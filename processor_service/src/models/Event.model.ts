import { defineEventModel, type EventModel } from '@analytics/shared/event/eventModel';
import type { Connection } from 'mongoose';

/** The event model of the one service that writes events, and therefore builds their indexes. */
export function createEventModel(connection: Connection): EventModel {
  return defineEventModel(connection);
}
