import type { EventJob } from '@analytics/shared/event/event';
import { type Connection, type Model, Schema, type SchemaDefinition, type Types } from 'mongoose';

/** A document of the collection `dead_letters`: an accepted event or item that cannot be stored. */
export interface DeadLetterRecord {
  /** The `_id` of the event, so that it has one dead letter. That of an invalid item follows from its job. */
  _id: Types.ObjectId;
  /** The event or item as JSON text, because BSON cannot represent all of JSON. */
  raw?: string;
  /** The event in dead letters of earlier versions, instead of `raw`. */
  event?: EventJob;
  /** The site, if it is known. */
  site_id: string | null;
  reason: string;
  job_id: string;
  /** How often a worker has taken the job. */
  attempts: number;
  first_failed_at: Date;
  last_failed_at: Date;
}

export type DeadLetterModel = Model<DeadLetterRecord>;

const definition = {
  _id: { type: Schema.Types.ObjectId, required: true, auto: false },
  raw: { type: String },
  event: { type: Schema.Types.Mixed },
  site_id: { type: String, default: null },
  reason: { type: String, required: true },
  job_id: { type: String, required: true },
  attempts: { type: Number, required: true },
  first_failed_at: { type: Date, required: true },
  last_failed_at: { type: Date, required: true },
} satisfies SchemaDefinition;

/** Registers the dead letter model on a connection. */
export function createDeadLetterModel(connection: Connection): DeadLetterModel {
  const schema = new Schema<DeadLetterRecord>(definition, {
    collection: 'dead_letters',
    strict: 'throw',
    versionKey: false,
    autoIndex: false,
    autoCreate: false,
    bufferCommands: false,
  });
  schema.index({ site_id: 1, last_failed_at: 1 });
  return connection.model<DeadLetterRecord>('DeadLetter', schema);
}
