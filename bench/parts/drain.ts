import { join } from 'node:path';
import type { Bench } from '../src/bench.ts';
import { startIngestion, startNaiveIngestion, startNaiveWorker, startWorker } from '../src/contenders.ts';
import { openEventCount } from '../src/eventCount.ts';
import { type FillOptions, fillQueue } from '../src/fillQueue.ts';
import { type Outcome, remarkLoss } from '../src/loss.ts';
import type { PartSettings } from '../src/options.ts';
import { runProgram } from '../src/program.ts';
import { openQueueState } from '../src/queueState.ts';
import { atLeast, compareMedians, mapQuantities, type Report } from '../src/report.ts';
import { measureInTurns, type Variant } from '../src/rounds.ts';
import type { Scope } from '../src/scopes.ts';
import { startMongo, startRedis } from '../src/stack.ts';
import { findGrowthPerSecond, findGrowthSpan, type Point } from '../src/statistics.ts';
import { watchCount } from '../src/watchCount.ts';

interface Drain extends Outcome {
  /** From the first stored document to the last. */
  documentsPerSecond: number;
  /** From the start of the process, its loading and the index build included, to the last document. */
  totalSeconds: number;
}

/** How fast a queue that filled up while no worker was there gets into MongoDB. */
export async function measureDrain(bench: Bench, settings: PartSettings): Promise<Report> {
  const { rounds, seconds, drainEvents } = settings;
  const count = drainEvents.toLocaleString('en');
  const results = await measureInTurns(bench, 'drain', rounds, {
    raw: {
      name: `raw insertMany, ${count} events`,
      measure: (scope) => drainRaw(bench, scope, drainEvents),
    },
    naive: createQueueVariant(bench, {
      name: `naive, ${count} events`,
      startProducer: startNaiveIngestion,
      startConsumer: startNaiveWorker,
      events: drainEvents,
      seconds,
    }),
    ours: createQueueVariant(bench, {
      name: `this, ${count} events`,
      startProducer: startIngestion,
      startConsumer: startWorker,
      events: drainEvents,
      seconds,
    }),
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

async function drainRaw(bench: Bench, scope: Scope, events: number): Promise<Drain> {
  const mongoUri = await startMongo(bench, scope);
  const count = await openEventCount(scope, mongoUri);
  const startMs = performance.now();
  let isOver = false;
  const env = {
    PATH: process.env['PATH'],
    NODE_ENV: 'production',
    MONGO_URI: mongoUri,
    EVENT_COUNT: String(events),
  };
  const program = runProgram(scope, process.execPath, [join(bench.benchFolder, 'dist/raw.js')], env);
  const ended = program.finally(() => {
    isOver = true;
  });
  const [points] = await Promise.all([watchCount(count.read, () => isOver), ended]);
  return summarize(points, startMs, { accepted: events, failedJobs: 0 });
}

interface QueueDrain extends FillOptions {
  name: string;
  startConsumer: typeof startWorker;
}

function createQueueVariant(bench: Bench, options: QueueDrain): Variant<Drain> {
  return {
    name: options.name,
    measure: async (scope) => {
      const redis = await startRedis(bench, scope, 'everysec');
      const accepted = await fillQueue(bench, redis, options);
      const mongoUri = await startMongo(bench, scope);
      const count = await openEventCount(scope, mongoUri);
      const queue = openQueueState(scope, redis);
      const startMs = performance.now();
      await options.startConsumer(bench, scope, redis, mongoUri);
      const points = await watchCount(count.read, async () => (await queue.countUnfinished()) === 0);
      return summarize(points, startMs, { accepted, failedJobs: await queue.countFailed() });
    },
  };
}

function summarize(
  points: readonly Point[],
  startMs: number,
  outcome: Pick<Outcome, 'accepted' | 'failedJobs'>,
): Drain {
  const { fromMs, toMs } = findGrowthSpan(points);
  return {
    ...outcome,
    stored: points.at(-1)?.value ?? 0,
    documentsPerSecond: findGrowthPerSecond(points, fromMs, toMs),
    totalSeconds: (toMs - startMs) / 1000,
  };
}
