import type { TestStack } from '@analytics/local-stack/testing/useTestStack';
import { createMongoConnection } from '@analytics/shared/mongo/mongo';
import { parseConfig } from '../../src/config/config.ts';
import { connectDatabase } from '../../src/config/db.ts';
import { createEventStore } from '../../src/events/eventStore.ts';
import { createWriteInvalidator } from '../../src/events/writeInvalidator.ts';
import { createEventModel } from '../../src/models/Event.model.ts';
import { createIndexedCollections } from '../database/createIndexedCollections.ts';
import { openRollups } from './openRollups.ts';

const PASSING_MS = 120_000;

/** Stores events and rolls them up as `worker.ts` does, in a time that the test lets pass. */
export async function startRollups(stack: TestStack) {
  const connection = createMongoConnection();
  stack.register(() => connection.close());
  const Event = createEventModel(connection);
  const { signal } = new AbortController();
  await connectDatabase(connection, parseConfig({ MONGO_URI: stack.MONGO_URI }), signal);
  await createIndexedCollections(connection, [Event], stack);
  const rollups = openRollups(connection);
  let passedMs = 0;
  const store = createEventStore(
    Event,
    createWriteInvalidator(rollups.invalidations, () => performance.now() + passedMs),
  );

  /** MongoDB's clock can't be set, so the invalidations come nearer. */
  async function passServerTime(filter = {}): Promise<void> {
    await rollups.collections.invalidations.updateMany(filter, [
      { $set: { due_at: { $subtract: ['$due_at', PASSING_MS] } } },
    ]);
  }

  return {
    connection,
    Event,
    store,
    rollups,
    refresh: () => rollups.refresh(signal),
    /** The clock, with the time that was let pass. */
    now: () => Date.now() + passedMs,
    passServerTime,
    /** Lets time pass for the store and for MongoDB. */
    passTime: async () => {
      passedMs += PASSING_MS;
      await passServerTime();
    },
  };
}
