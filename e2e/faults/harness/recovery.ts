import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { mongo } from 'mongoose';
import type { LedgerEntry } from './ledger.ts';
import type { Load } from './loadGenerator.ts';
import type { System } from './system.ts';

/** Far longer than any promise, so that a slow recovery is measured and not cut off. */
const RECOVERY_TIMEOUT_MS = 60_000;
const CATCH_UP_TIMEOUT_MS = 120_000;

/**
 * Measures, from now and in milliseconds, how long it takes until a new event has been accepted and stored.
 */
export async function measureRecovery(system: System, load: Load): Promise<number> {
  const startedMs = performance.now();
  const { entry } = await waitUntil(
    () => load.postOne(),
    ({ exchange }) => exchange.answer === 202,
    RECOVERY_TIMEOUT_MS,
  );
  const events = system.database.collection('events');
  const filter = { _id: mongo.ObjectId.createFromHexString(entry._id) };
  // While a replica set has no primary, a read fails; the deadline is what matters.
  await waitUntil(() => events.findOne(filter).catch(() => null), Boolean, RECOVERY_TIMEOUT_MS);
  return performance.now() - startedMs;
}

/**
 * Measures, from now and in milliseconds, how long it takes until each of the events is stored or a dead
 * letter. They were acknowledged before, so a worker may have held them when it was hit.
 */
export async function measureCatchUp({ database }: System, entries: readonly LedgerEntry[]): Promise<number> {
  const startedMs = performance.now();
  let missing = entries.map(({ _id }) => mongo.ObjectId.createFromHexString(_id));
  const isThere = async () => {
    for (const name of ['events', 'dead_letters']) {
      const found = await database
        .collection(name)
        .find({ _id: { $in: missing } })
        .project({ _id: 1 })
        .toArray();
      const ids = new Set(found.map(({ _id }) => String(_id)));
      missing = missing.filter((id) => !ids.has(String(id)));
    }
    return missing.length === 0;
  };
  await waitUntil(isThere, Boolean, CATCH_UP_TIMEOUT_MS);
  return performance.now() - startedMs;
}
