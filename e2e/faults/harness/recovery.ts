import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { mongo } from 'mongoose';
import type { Load } from './loadGenerator.ts';
import type { System } from './system.ts';

/** Far longer than any promise, so that a slow recovery is measured and not cut off. */
const RECOVERY_TIMEOUT_MS = 60_000;

/** Measures, from now and in milliseconds, how long it takes until a new event has been accepted and stored. */
export async function measureRecovery(system: System, load: Load): Promise<number> {
  const startedMs = performance.now();
  const { entry } = await waitUntil(
    () => load.postOne(),
    ({ exchange }) => exchange.answer === 202,
    RECOVERY_TIMEOUT_MS,
  );
  const events = system.database.collection('events');
  const filter = { _id: mongo.ObjectId.createFromHexString(entry._id) };
  await waitUntil(() => events.findOne(filter), Boolean, RECOVERY_TIMEOUT_MS);
  return performance.now() - startedMs;
}
