import { join } from 'node:path';
import type { Bench } from '../src/bench.ts';
import { type ContenderName, startContender } from '../src/contenders.ts';
import { runLoad } from '../src/loadGenerator.ts';
import type { PartSettings } from '../src/options.ts';
import { type Outcome, openPipeline, openStoredCount, remarkLoss, watchCount } from '../src/pipeline.ts';
import { runProgram } from '../src/program.ts';
import { atLeast, compareMedians, mapQuantities, type Report } from '../src/report.ts';
import { measureInTurns, type Variant } from '../src/rounds.ts';
import type { Scope } from '../src/scopes.ts';
import { type RedisSettings, startMongo, startRedis } from '../src/servers.ts';
import { findGrowthPerSecond, findGrowthSpan, type Point } from '../src/statistics.ts';

interface Drain extends Outcome {
  /** From the first stored document to the last. */
  documentsPerSecond: number;
  /** From the start of the process, including its loading and the index build, to the last document. */
  totalSeconds: number;
}

/** How fast a queue that was filled without a worker drains into MongoDB. */
export async function measureDrain(bench: Bench, settings: PartSettings): Promise<Report> {
  const { rounds, drainEvents } = settings;
  const count = drainEvents.toLocaleString('en');
  const queueVariant = (name: string, producer: ContenderName, consumer: ContenderName): Variant<Drain> => ({
    name: `${name}, ${count} events`,
    measure: async (scope) => {
      const redis = await startRedis(bench, scope);
      const accepted = await fillQueue(bench, redis, producer, settings);
      const mongo = await startMongo(bench, scope);
      const pipeline = await openPipeline(scope, { ...redis, ...mongo });
      const startMs = performance.now();
      await startContender(bench, scope, consumer, { ...redis, ...mongo });
      const isOver = async () => (await pipeline.countUnfinished()) === 0;
      const points = await watchCount(pipeline.countStored, isOver);
      return summarize(points, startMs, { accepted, failedJobs: await pipeline.countFailed() });
    },
  });
  const results = await measureInTurns(bench, 'drain', rounds, {
    raw: {
      name: `raw insertMany, ${count} events`,
      measure: (scope) => insertRaw(bench, scope, drainEvents),
    },
    naive: queueVariant('naive', 'naiveIngestion', 'naiveWorker'),
    ours: queueVariant('this', 'ingestion', 'worker'),
  });

  const rate = mapQuantities(results, 'documents/s', ({ documentsPerSecond }) => documentsPerSecond);
  const total = mapQuantities(results, 's with start', ({ totalSeconds }) => totalSeconds);
  return {
    settings: `${rounds} × in turns; queued under full load by each one's own ingestion, everysec`,
    quantities: [...Object.values(rate), ...Object.values(total)],
    comparisons: [
      compareMedians('this / raw insertMany', rate.ours, rate.raw, atLeast(0.7, 0.95)),
      compareMedians('this / naive', rate.ours, rate.naive, atLeast(12, 25)),
    ],
    remarks: Object.values(results).flatMap(({ name, samples }) => remarkLoss(name, samples)),
  };
}

/**
 * Fills the queue by its own producer under full load, which determines the number of events per job. Returns
 * how many events were accepted, at least `drainEvents`.
 */
async function fillQueue(
  bench: Bench,
  redis: RedisSettings,
  producer: ContenderName,
  { drainEvents, seconds }: PartSettings,
): Promise<number> {
  return bench.scopes.run(async (scope) => {
    const { url } = await startContender(bench, scope, producer, redis);
    let total = 0;
    while (total < drainEvents) {
      const load = { url: `${url}/event`, eventsPerRequest: 1, seconds };
      const { accepted } = await runLoad(bench, scope, load);
      if (accepted === 0) {
        throw new Error(`${producer} accepted no event, so there is nothing to drain.`);
      }
      total += accepted;
    }
    return total;
  });
}

async function insertRaw(bench: Bench, scope: Scope, count: number): Promise<Drain> {
  const mongo = await startMongo(bench, scope);
  const countStored = await openStoredCount(scope, mongo.MONGO_URI);
  const startMs = performance.now();
  const script = join(bench.rootFolder, 'bench/dist/raw.js');
  const env = { PATH: process.env['PATH'], NODE_ENV: 'production', ...mongo, EVENT_COUNT: String(count) };
  let isOver = false;
  const inserted = runProgram(scope, process.execPath, [script], env).finally(() => {
    isOver = true;
  });
  const [points] = await Promise.all([watchCount(countStored, () => isOver), inserted]);
  return summarize(points, startMs, { accepted: count, failedJobs: 0 });
}

function summarize(points: Point[], startMs: number, outcome: Omit<Outcome, 'stored'>): Drain {
  const { fromMs, toMs } = findGrowthSpan(points);
  return {
    ...outcome,
    stored: points.at(-1)?.value ?? 0,
    documentsPerSecond: findGrowthPerSecond(points, fromMs, toMs),
    totalSeconds: (toMs - startMs) / 1000,
  };
}
