import type { Bench } from '../src/bench.ts';
import { type Contender, startBare, startIngestion, startNaiveIngestion } from '../src/contenders.ts';
import { createHttpVariant, readRate, remarkTrouble } from '../src/httpLoad.ts';
import type { PartSettings } from '../src/options.ts';
import { atLeast, atMost, compareMedians, mapQuantities, type Report } from '../src/report.ts';
import { measureInTurns } from '../src/rounds.ts';
import type { Scope } from '../src/scopes.ts';
import { type Appendfsync, type BenchRedis, startRedis } from '../src/stack.ts';

/** `POST /event`: how many a second, and how long the slowest hundredth waits. */
export async function measureIngest(
  bench: Bench,
  { rounds, warmUpSeconds, seconds }: PartSettings,
): Promise<Report> {
  const variant = (name: string, start: (scope: Scope) => Promise<Contender>) =>
    createHttpVariant(bench, {
      name,
      path: '/event',
      bodiesFile: bench.eventBodies,
      warmUpSeconds,
      seconds,
      start,
    });
  const onRedis =
    (start: (bench: Bench, scope: Scope, redis: BenchRedis) => Promise<Contender>, fsync: Appendfsync) =>
    async (scope: Scope) =>
      start(bench, scope, await startRedis(bench, scope, fsync));

  const results = await measureInTurns(bench, 'ingest', rounds, {
    bare: variant('bare node:http', (scope) => startBare(bench, scope)),
    naive: variant('naive, everysec', onRedis(startNaiveIngestion, 'everysec')),
    ours: variant('this, everysec', onRedis(startIngestion, 'everysec')),
    naiveAlways: variant('naive, always', onRedis(startNaiveIngestion, 'always')),
    oursAlways: variant('this, always', onRedis(startIngestion, 'always')),
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
