import { setTimeout as delay } from 'node:timers/promises';
import type { Bench } from '../src/bench.ts';
import { startContender } from '../src/contenders.ts';
import { readRate, remarkTrouble, runLoad } from '../src/loadGenerator.ts';
import type { PartSettings } from '../src/options.ts';
import { readResidentMb } from '../src/readResidentMb.ts';
import { atMost, type Findings, type Report, toQuantity } from '../src/report.ts';
import { measureInTurns } from '../src/rounds.ts';
import type { Scope } from '../src/scopes.ts';
import type { LoadResult } from '../src/sendLoad.ts';
import { startMongo, startRedis } from '../src/servers.ts';
import { findSlopePerMinute, type Point } from '../src/statistics.ts';

const INTERVAL_MS = 1000;

/** The heap grows to its working size first; only growth after that is a leak. */
const WARM_UP_SHARE = 1 / 3;

/** The sawtooth of a heap without a leak can have this slope over a run. */
const MAX_MB_PER_MINUTE = 2;

interface MemoryRun extends LoadResult {
  ingestion: Point[];
  worker: Point[];
}

/** Resident memory of ingestion and worker over a long run under full load, read once a second. */
export async function measureMemory(bench: Bench, { rounds, seconds }: PartSettings): Promise<Report> {
  const { ours } = await measureInTurns(bench, 'memory', rounds, {
    ours: { name: 'this', measure: (scope) => runUnderLoad(bench, scope, seconds) },
  });
  const services = (['ingestion', 'worker'] as const).map((name) =>
    describeMemory(
      name,
      ours.samples.map((run) => run[name]),
    ),
  );
  return {
    settings: `${rounds} × ${seconds} s, everysec; the trend without the first third`,
    quantities: [
      ...services.flatMap(({ quantities }) => quantities),
      { ...toQuantity(ours, 'accepted/s', readRate), name: 'both' },
    ],
    comparisons: services.flatMap(({ comparisons }) => comparisons),
    remarks: remarkTrouble([ours]),
  };
}

async function runUnderLoad(bench: Bench, scope: Scope, seconds: number): Promise<MemoryRun> {
  const settings = { ...(await startRedis(bench, scope)), ...(await startMongo(bench, scope)) };
  const worker = await startContender(bench, scope, 'worker', settings);
  const ingestion = await startContender(bench, scope, 'ingestion', settings);
  let isOver = false;
  const load = { url: `${ingestion.url}/event`, eventsPerRequest: 1, seconds };
  const [result, ingestionPoints, workerPoints] = await Promise.all([
    runLoad(bench, scope, load).finally(() => {
      isOver = true;
    }),
    watchMemory(ingestion.pid, () => isOver),
    watchMemory(worker.pid, () => isOver),
  ]);
  return { ...result, ingestion: ingestionPoints, worker: workerPoints };
}

async function watchMemory(pid: number, isOver: () => boolean): Promise<Point[]> {
  const points: Point[] = [];
  while (!isOver()) {
    points.push({ atMs: performance.now(), value: await readResidentMb(pid) });
    await delay(INTERVAL_MS);
  }
  return points;
}

function describeMemory(name: string, runs: Point[][]): Pick<Findings, 'quantities' | 'comparisons'> {
  const starts = runs.map((points) => points[0]?.value ?? Number.NaN);
  const all = runs.flatMap((points) => points.map(({ value }) => value));
  const trends = runs.map((points) =>
    findSlopePerMinute(points.slice(Math.floor(points.length * WARM_UP_SHARE))),
  );
  return {
    quantities: [
      { name, unit: 'MB at the start', samples: starts },
      { name, unit: 'MB, every second', samples: all },
      { name, unit: 'MB a minute', samples: trends },
    ],
    comparisons: [
      { name: `${name}: most, MB`, value: Math.max(...all), bound: atMost(200, 120) },
      {
        name: `${name}: trend, MB a minute`,
        value: Math.max(...trends),
        bound: atMost(MAX_MB_PER_MINUTE, MAX_MB_PER_MINUTE),
      },
    ],
  };
}
