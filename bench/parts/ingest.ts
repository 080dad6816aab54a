import type { Bench } from '../src/bench.ts';
import { type ContenderName, startContender } from '../src/contenders.ts';
import { createHttpVariant, readRate, remarkTrouble } from '../src/loadGenerator.ts';
import type { PartSettings } from '../src/options.ts';
import { atLeast, atMost, compareMedians, mapQuantities, type Report } from '../src/report.ts';
import { measureInTurns } from '../src/rounds.ts';
import { type Appendfsync, startRedis } from '../src/servers.ts';

/** `POST /event`: requests per second and p99. */
export async function measureIngest(bench: Bench, settings: PartSettings): Promise<Report> {
  const { rounds, warmUpSeconds, seconds } = settings;
  const variant = (name: string, contender: ContenderName, appendfsync?: Appendfsync) =>
    createHttpVariant(bench, settings, {
      name,
      path: '/event',
      eventsPerRequest: 1,
      start: async (scope) => {
        const redis = appendfsync ? await startRedis(bench, scope, appendfsync) : {};
        return startContender(bench, scope, contender, redis);
      },
    });
  const results = await measureInTurns(bench, 'ingest', rounds, {
    bare: variant('bare node:http', 'bare'),
    naive: variant('naive, everysec', 'naiveIngestion', 'everysec'),
    ours: variant('this, everysec', 'ingestion', 'everysec'),
    naiveAlways: variant('naive, always', 'naiveIngestion', 'always'),
    oursAlways: variant('this, always', 'ingestion', 'always'),
  });

  const rate = mapQuantities(results, 'requests/s', readRate);
  const p99 = mapQuantities(results, 'p99, ms', ({ p99Ms }) => p99Ms);
  return {
    settings: `${rounds} × ${seconds} s in turns, each after ${warmUpSeconds} s of warming up; no worker`,
    quantities: [...Object.values(rate), ...Object.values(p99)],
    comparisons: [
      compareMedians('this / bare', rate.ours, rate.bare, atLeast(0.5, 0.75)),
      compareMedians('this / naive', rate.ours, rate.naive, atLeast(5, 8)),
      compareMedians('p99: this / naive', p99.ours, p99.naive, atMost(0.2, 0.1)),
      compareMedians('this, always / bare', rate.oursAlways, rate.bare, atLeast(0.45, 0.65)),
      compareMedians('this, always / naive, always', rate.oursAlways, rate.naiveAlways, atLeast(4.5, 7)),
    ],
    remarks: remarkTrouble(Object.values(results)),
  };
}
