import { setTimeout as delay } from 'node:timers/promises';
import type { Bench } from '../bench.ts';
import { startWorker } from '../contenders.ts';
import { readResidentMb } from '../residentMemory.ts';
import type { Scope } from '../scopes.ts';
import { startRedis } from '../stack.ts';
import { dropRollups, isFresh, type Store } from './stores.ts';

const INTERVAL_MS = 20;

export interface RollUp {
  /**
   * From when the worker is ready, which is when it takes jobs, until everything that is over is rolled up.
   */
  seconds: number;
  /** The worker's resident memory. */
  peakMb: number;
}

/** Has a worker roll up everything from nothing. */
export async function measureRollUp(bench: Bench, scope: Scope, store: Store): Promise<RollUp> {
  await dropRollups(store);
  // A Redis of its own: the schedule of another worker would have this one wait for its next turn.
  const redis = await startRedis(bench, scope, 'everysec');
  const worker = await startWorker(bench, scope, redis, store.uri);
  const startMs = performance.now();
  let peakMb = 0;
  while (!(await isFresh(store))) {
    peakMb = Math.max(peakMb, await readResidentMb(worker.pid));
    await delay(INTERVAL_MS);
  }
  return { seconds: (performance.now() - startMs) / 1000, peakMb };
}
