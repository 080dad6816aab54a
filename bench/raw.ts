import { print } from '@analytics/local-stack/terminal';
import { defineEventModel } from '@analytics/shared/event/eventModel';
import mongoose, { mongo } from 'mongoose';
import { createEvents } from './src/events.ts';

// The most that one Node process gets into MongoDB: the native driver, the worker's document, indexes and
// write concern, batches of 500 with two in flight. Nothing is read from a queue, checked or answered.
const BATCH_SIZE = 500;
const BATCHES_IN_FLIGHT = 2;

const uri = process.env['MONGO_URI'] ?? '';
const events = createEvents(1000);
let remaining = Number(process.env['EVENT_COUNT']);

const connection = await mongoose.createConnection(uri).asPromise();
await defineEventModel(connection).createIndexes();
await connection.close();

const client = await mongo.MongoClient.connect(uri, { writeConcern: { w: 'majority', journal: true } });
const collection = client.db().collection('events');
await Promise.all(Array.from({ length: BATCHES_IN_FLIGHT }, insertBatches));
await client.close();
print('done');

async function insertBatches(): Promise<void> {
  while (remaining > 0) {
    const size = Math.min(BATCH_SIZE, remaining);
    remaining -= size;
    await collection.insertMany(createDocuments(size, remaining), { ordered: false });
  }
}

function createDocuments(size: number, firstIndex: number): mongo.Document[] {
  const now = new Date();
  return Array.from({ length: size }, (_, index) => {
    const event = events[(firstIndex + index) % events.length];
    return {
      _id: new mongo.ObjectId(),
      site_id: event?.site_id,
      event_type: event?.event_type,
      path: event?.path,
      user_id: event?.user_id,
      timestamp: new Date(event?.timestamp ?? now),
      createdAt: now,
      updatedAt: now,
    };
  });
}
