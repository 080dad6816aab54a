import type { Bench } from '../src/bench.ts';
import { type ContenderName, startContender } from '../src/contenders.ts';
import { readRate, remarkTrouble, runLoad } from '../src/loadGenerator.ts';
import type { PartSettings } from '../src/options.ts';
import { type Outcome, openPipeline, type Pipeline, remarkLoss, watchCount } from '../src/pipeline.ts';
import { atLeast, compareMedians, mapQuantities, type Report } from '../src/report.ts';
import { measureInTurns, type Variant } from '../src/rounds.ts';
import type { Scope } from '../src/scopes.ts';
import type { LoadResult } from '../src/sendLoad.ts';
import { startMongo, startRedis } from '../src/servers.ts';
import { findGrowthPerSecond, findGrowthSpan } from '../src/statistics.ts';

/** The share of the load's time before the rate counts as steady. */
const START_SHARE = 1 / 6;

interface EndToEndRun extends LoadResult, Outcome {
  /** While the load lasts, after its start. */
  storedPerSecond: number;
  /** From the first request until the last accepted event is stored. */
  storedPerSecondToTheEnd: number;
  /** From the end of the load until the queue is empty. */
  remainderSeconds: number;
}

/** Events from the client to MongoDB under full load, with ingestion and worker on the same machine. */
export async function measureEndToEnd(bench: Bench, { rounds, seconds }: PartSettings): Promise<Report> {
  const variant = (name: string, producer: ContenderName, consumer: ContenderName): Variant<EndToEndRun> => ({
    name,
    measure: async (scope) => {
      const settings = { ...(await startRedis(bench, scope)), ...(await startMongo(bench, scope)) };
      await startContender(bench, scope, consumer, settings);
      const { url } = await startContender(bench, scope, producer, settings);
      return runUnderLoad(bench, scope, await openPipeline(scope, settings), `${url}/event`, seconds);
    },
  });
  const results = await measureInTurns(bench, 'end-to-end', rounds, {
    naive: variant('naive', 'naiveIngestion', 'naiveWorker'),
    ours: variant('this', 'ingestion', 'worker'),
  });

  const steady = mapQuantities(results, 'stored/s under load', (run) => run.storedPerSecond);
  const whole = mapQuantities(results, 'stored/s to the end', (run) => run.storedPerSecondToTheEnd);
  const accepted = mapQuantities(results, 'accepted/s', readRate);
  const remainder = mapQuantities(results, 's to empty after', (run) => run.remainderSeconds);
  const all = Object.values(results);
  return {
    settings: `${rounds} × ${seconds} s in turns, everysec`,
    quantities: [steady, whole, accepted, remainder].flatMap((quantities) => Object.values(quantities)),
    comparisons: [
      compareMedians('under load: this / naive', steady.ours, steady.naive, atLeast(8, 14)),
      compareMedians('until all are stored: this / naive', whole.ours, whole.naive, atLeast(8, 14)),
    ],
    remarks: [...remarkTrouble(all), ...all.flatMap(({ name, samples }) => remarkLoss(name, samples))],
  };
}

async function runUnderLoad(
  bench: Bench,
  scope: Scope,
  pipeline: Pipeline,
  url: string,
  seconds: number,
): Promise<EndToEndRun> {
  const startMs = performance.now();
  let loadEndMs = Number.POSITIVE_INFINITY;
  const load = runLoad(bench, scope, { url, eventsPerRequest: 1, seconds }).finally(() => {
    loadEndMs = performance.now();
  });
  const isOver = async () => performance.now() > loadEndMs && (await pipeline.countUnfinished()) === 0;
  const [result, points] = await Promise.all([load, watchCount(pipeline.countStored, isOver)]);

  const { toMs } = findGrowthSpan(points);
  const stored = points.at(-1)?.value ?? 0;
  const steadyFromMs = startMs + (loadEndMs - startMs) * START_SHARE;
  return {
    ...result,
    stored,
    failedJobs: await pipeline.countFailed(),
    storedPerSecond: findGrowthPerSecond(points, steadyFromMs, loadEndMs),
    storedPerSecondToTheEnd: (stored / (toMs - startMs)) * 1000,
    remainderSeconds: Math.max(0, toMs - loadEndMs) / 1000,
  };
}
