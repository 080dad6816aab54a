import { type Connection, type Model, Schema, type SchemaDefinition, type Types } from 'mongoose';
import { EVENT_FIELD_NAMES, EVENT_FIELDS, type StoredFields } from './eventFields.ts';

/** The event in MongoDB: a document of the collection `events`. */
export type EventRecord = StoredFields & {
  _id: Types.ObjectId;
  /** The host of `referrer`, by which reports group it. */
  referrer_host?: string;
  /** When the event was stored. */
  createdAt: Date;
  updatedAt: Date;
};

export type EventModel = Model<EventRecord>;

const STORED_TYPES = {
  text: { type: String, required: true },
  'nullable text': { type: String, default: null },
  date: { type: Date, required: true },
  referrer: { type: String },
  properties: { type: Schema.Types.Mixed },
} satisfies SchemaDefinition;

const definition: SchemaDefinition = {
  _id: { type: Schema.Types.ObjectId, required: true, auto: false },
  referrer_host: { type: String },
};
for (const name of EVENT_FIELD_NAMES) {
  const { storedAs, isWellFormedInput } = EVENT_FIELDS[name];
  if (storedAs !== 'nothing') {
    const isOptional = isWellFormedInput(undefined);
    definition[name] = storedAs === 'text' && isOptional ? { type: String } : STORED_TYPES[storedAs];
  }
}

/**
 * Registers the event model on a connection. Each service decides in its `models/Event.model.ts` whether it
 * builds the indexes.
 */
export function defineEventModel(connection: Connection): EventModel {
  const schema = new Schema<EventRecord>(definition, {
    collection: 'events',
    strict: 'throw',
    timestamps: true,
    versionKey: false,
    autoIndex: false,
    autoCreate: false,
    // Without it, Mongoose holds an operation without a connection back for ten seconds before it fails.
    bufferCommands: false,
  });
  // It covers the reports of a range, so that they fetch no document (docs/decisions/0008).
  schema.index({ site_id: 1, timestamp: 1, path: 1, user_id: 1 });
  schema.index({ timestamp: 1 });
  schema.index({ site_id: 1, path: 1 });
  return connection.model<EventRecord>('Event', schema);
}
