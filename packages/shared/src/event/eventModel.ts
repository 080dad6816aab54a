import { type Connection, type Model, Schema, type SchemaDefinition, type Types } from 'mongoose';
import type { EventProperties } from './eventProperties.ts';

/** The event at its border with MongoDB: a document of the collection `events`. */
export interface EventRecord {
  _id: Types.ObjectId;
  site_id: string;
  event_type: string;
  path: string;
  user_id: string | null;
  /** When the event happened, as the client reported it. */
  timestamp: Date;
  /** Where the view came from, if the client said so. */
  referrer?: string;
  /** The host of `referrer`, by which reports group it. */
  referrer_host?: string;
  properties?: EventProperties;
  /** When the event was stored. */
  createdAt: Date;
  updatedAt: Date;
}

export type EventModel = Model<EventRecord>;

const definition = {
  _id: { type: Schema.Types.ObjectId, required: true, auto: false },
  site_id: { type: String, required: true },
  event_type: { type: String, required: true },
  path: { type: String, required: true },
  user_id: { type: String, default: null },
  timestamp: { type: Date, required: true },
  referrer: { type: String },
  referrer_host: { type: String },
  properties: { type: Schema.Types.Mixed },
} satisfies SchemaDefinition;

/**
 * Registers the event model on a connection. The schema says what a document holds; what a service does with
 * documents (build indexes, only read) is its own `models/Event.model.ts`.
 */
export function defineEventModel(connection: Connection): EventModel {
  const schema = new Schema<EventRecord>(definition, {
    collection: 'events',
    strict: 'throw',
    timestamps: true,
    versionKey: false,
    autoIndex: false,
    autoCreate: false,
    // An operation without a connection fails at once; Mongoose would hold it back for ten seconds first.
    bufferCommands: false,
  });
  // All that the reports of a time need, so that they fetch no document (docs/decisions/0008).
  schema.index({ site_id: 1, timestamp: 1, path: 1, user_id: 1 });
  schema.index({ timestamp: 1 });
  schema.index({ site_id: 1, path: 1 });
  return connection.model<EventRecord>('Event', schema);
}
