import type { Bench } from '../src/bench.ts';
import { startContender } from '../src/contenders.ts';
import { createHttpVariant, readRate, remarkTrouble } from '../src/loadGenerator.ts';
import type { PartSettings } from '../src/options.ts';
import { atLeast, compareMedians, type Report, toQuantity } from '../src/report.ts';
import { measureInTurns } from '../src/rounds.ts';
import { startRedis } from '../src/servers.ts';

const BATCH_SIZE = 100;

/** Without a worker, the queue exceeds its default limit within seconds, and the answers become 503. */
const NO_BACKPRESSURE = { QUEUE_MAX_WAITING_EVENTS: '1000000000' };

/** `POST /events`: events per second, compared with a bare server that gets one event per request. */
export async function measureBatch(bench: Bench, settings: PartSettings): Promise<Report> {
  const { rounds, warmUpSeconds, seconds } = settings;
  const results = await measureInTurns(bench, 'batch', rounds, {
    bare: createHttpVariant(bench, settings, {
      name: 'bare node:http, one event a request',
      path: '/event',
      eventsPerRequest: 1,
      start: (scope) => startContender(bench, scope, 'bare'),
    }),
    ours: createHttpVariant(bench, settings, {
      name: `this, ${BATCH_SIZE} events a request, everysec`,
      path: '/events',
      eventsPerRequest: BATCH_SIZE,
      start: async (scope) => {
        const redis = await startRedis(bench, scope);
        return startContender(bench, scope, 'ingestion', { ...redis, ...NO_BACKPRESSURE });
      },
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
