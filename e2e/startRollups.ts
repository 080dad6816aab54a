import type { TestStack } from '@analytics/local-stack/testing/useTestStack';
import { createMongoConnection } from '@analytics/shared/mongo';
import { parseConfig } from '../processor_service/src/config/config.ts';
import { connectDatabase } from '../processor_service/src/config/db.ts';
import { createEventStore } from '../processor_service/src/eventStore.ts';
import { createEventModel } from '../processor_service/src/models/Event.model.ts';
import { createEventMarks } from '../processor_service/src/rollup/eventMarks.ts';
import { createRollups } from '../processor_service/src/rollup/rollups.ts';
import { createIndexedCollections } from '../processor_service/test/createIndexedCollections.ts';

const PASSING_MS = 120_000;

/** Stores events and rolls them up as `worker.ts` does, in a time that the test lets pass. */
export async function startRollups(stack: TestStack) {
  const connection = createMongoConnection();
  stack.register(() => connection.close());
  const Event = createEventModel(connection);
  const { signal } = new AbortController();
  await connectDatabase(connection, parseConfig({ MONGO_URI: stack.MONGO_URI }), signal);
  await createIndexedCollections(connection, [Event], stack);
  if (!connection.db) {
    throw new Error('The test is not connected to MongoDB.');
  }
  const rollups = createRollups(connection.db, Event.collection.collectionName);
  let passedMs = 0;
  const store = createEventStore(
    Event,
    createEventMarks(rollups.marks, () => performance.now() + passedMs),
  );
  return {
    Event,
    store,
    rollups,
    rollUp: () => rollups.rollUp(signal),
    /** The clock, with the time that was let pass. */
    now: () => Date.now() + passedMs,
    /** For the store its own clock goes on, and for MongoDB, whose clock can't be set, the marks come nearer. */
    passTime: async () => {
      passedMs += PASSING_MS;
      await rollups.collections.marks.updateMany({}, [
        { $set: { ripe_at: { $subtract: ['$ripe_at', PASSING_MS] } } },
      ]);
    },
  };
}
