import { BATCH_SIZE, type Bench } from '../src/bench.ts';
import { startBare, startIngestion } from '../src/contenders.ts';
import { createHttpVariant, readRate, remarkTrouble } from '../src/httpLoad.ts';
import type { PartSettings } from '../src/options.ts';
import { atLeast, compareMedians, type Report, toQuantity } from '../src/report.ts';
import { measureInTurns } from '../src/rounds.ts';
import { startRedis } from '../src/stack.ts';

/**
 * No worker runs here, and within seconds more wait than the default allows: the rest would be answers of
 * 503.
 */
const WITHOUT_BACKPRESSURE = { QUEUE_MAX_WAITING_EVENTS: '1000000000' };

/** `POST /events`: how many events a second, where a bare server answers a request with one event. */
export async function measureBatch(
  bench: Bench,
  { rounds, warmUpSeconds, seconds }: PartSettings,
): Promise<Report> {
  const results = await measureInTurns(bench, 'batch', rounds, {
    bare: createHttpVariant(bench, {
      name: 'bare node:http, one event a request',
      path: '/event',
      bodiesFile: bench.eventBodies,
      warmUpSeconds,
      seconds,
      start: (scope) => startBare(bench, scope),
    }),
    ours: createHttpVariant(bench, {
      name: `this, ${BATCH_SIZE} events a request, everysec`,
      path: '/events',
      bodiesFile: bench.batchBodies,
      warmUpSeconds,
      seconds,
      start: async (scope) =>
        startIngestion(bench, scope, await startRedis(bench, scope, 'everysec'), WITHOUT_BACKPRESSURE),
    }),
  });
  const bare = toQuantity(results.bare, 'requests/s', readRate);
  const ours = toQuantity(results.ours, 'events/s', (sample) => readRate(sample) * BATCH_SIZE);
  return {
    settings: `${rounds} × ${seconds} s in turns, each after ${warmUpSeconds} s of warming up; no worker, QUEUE_MAX_WAITING_EVENTS raised`,
    quantities: [bare, ours, toQuantity(results.ours, 'p99, ms', ({ p99Ms }) => p99Ms)],
    comparisons: [compareMedians('events/s of this / requests/s of bare', ours, bare, atLeast(5, 8))],
    remarks: remarkTrouble(Object.values(results)),
  };
}
