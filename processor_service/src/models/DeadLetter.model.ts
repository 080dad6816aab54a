import type { EventJob } from '@analytics/shared/event/event';
import { type Connection, type Model, Schema, type SchemaDefinition, type Types } from 'mongoose';

/** What was accepted and can't be stored: a document of the collection `dead_letters`. */
export interface DeadLetterRecord {
  /** The event's own `_id`, so that an event is here once; for a raw job, one that follows from the job. */
  _id: Types.ObjectId;
  /** What the job carried, as JSON text: BSON does not take everything that JSON can hold. */
  raw?: string;
  /** The event, in place of `raw`, in letters of earlier versions. */
  event?: EventJob;
  /** The site, if it could be read. */
  site_id: string | null;
  reason: string;
  job_id: string;
  /** How often a worker had taken the job up. */
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
