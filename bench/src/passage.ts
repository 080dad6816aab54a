import type { Bench } from './bench.ts';
import { openEventCount } from './eventCount.ts';
import type { LoadResult } from './loadLine.ts';
import type { Outcome } from './loss.ts';
import { openQueueState } from './queueState.ts';
import type { Scope } from './scopes.ts';
import type { BenchRedis } from './stack.ts';
import { findGrowthPerSecond, findGrowthSpan } from './statistics.ts';
import { watchCount } from './watchCount.ts';

/** The share of the load's time that counts as getting under way. */
const UNSTEADY_SHARE = 1 / 6;

/** What a load's way from the client to MongoDB came to. */
export interface Passage extends LoadResult, Outcome {
  /** While the load lasts, once it is under way. */
  storedPerSecond: number;
  /** From the first request until the last accepted event was stored. */
  storedPerSecondToTheEnd: number;
  /** How long the queue took to empty after the load. */
  remainderSeconds: number;
}

export interface PassageOptions {
  redis: BenchRedis;
  mongoUri: string;
  /** Of the ingestion. */
  url: string;
  seconds: number;
}

/** Loads a whole system that runs, and watches until all that was accepted is stored. */
export async function measurePassage(bench: Bench, scope: Scope, options: PassageOptions): Promise<Passage> {
  const { redis, mongoUri, url, seconds } = options;
  const count = await openEventCount(scope, mongoUri);
  const queue = openQueueState(scope, redis);
  const startMs = performance.now();
  let loadEndMs = Number.POSITIVE_INFINITY;
  const load = bench.loadGenerator
    .run(scope, { url: `${url}/event`, bodiesFile: bench.eventBodies, seconds, withStatuses: true })
    .finally(() => {
      loadEndMs = performance.now();
    });
  const isOver = async () => performance.now() > loadEndMs && (await queue.countUnfinished()) === 0;
  const [result, points] = await Promise.all([load, watchCount(count.read, isOver)]);

  const { toMs } = findGrowthSpan(points);
  const stored = points.at(-1)?.value ?? 0;
  const steadyFromMs = startMs + (loadEndMs - startMs) * UNSTEADY_SHARE;
  return {
    ...result,
    stored,
    failedJobs: await queue.countFailed(),
    storedPerSecond: findGrowthPerSecond(points, steadyFromMs, loadEndMs),
    storedPerSecondToTheEnd: (stored / (toMs - startMs)) * 1000,
    remainderSeconds: Math.max(0, toMs - loadEndMs) / 1000,
  };
}
