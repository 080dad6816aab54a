import { setTimeout as delay } from 'node:timers/promises';
import type { Bench } from '../src/bench.ts';
import { startIngestion, startWorker } from '../src/contenders.ts';
import { remarkTrouble } from '../src/httpLoad.ts';
import type { LoadResult } from '../src/loadLine.ts';
import type { PartSettings } from '../src/options.ts';
import { atMost, type Comparison, type Quantity, type Report } from '../src/report.ts';
import { readResidentMb } from '../src/residentMemory.ts';
import { measureInTurns } from '../src/rounds.ts';
import type { Scope } from '../src/scopes.ts';
import { startMongo, startRedis } from '../src/stack.ts';
import { findSlopePerMinute, type Point } from '../src/statistics.ts';

const INTERVAL_MS = 1000;

/** The heap grows to its working size first; a leak is what goes on growing. */
const GROWING_UP_SHARE = 1 / 3;

/** What the line through a sawtooth of that length shows without any leak. */
const LEVEL_MB_PER_MINUTE = 2;

interface MemoryRun extends LoadResult {
  ingestion: Point[];
  worker: Point[];
}

/** Resident memory of ingestion and worker over a long run under full load, taken once a second. */
export async function measureMemory(bench: Bench, { rounds, seconds }: PartSettings): Promise<Report> {
  const { ours } = await measureInTurns(bench, 'memory', rounds, {
    ours: { name: 'this', measure: (scope) => runUnderLoad(bench, scope, seconds) },
  });
  const services = [
    { name: 'ingestion', runs: ours.samples.map(({ ingestion }) => ingestion) },
    { name: 'worker', runs: ours.samples.map(({ worker }) => worker) },
  ];
  const { samples } = ours;
  return {
    settings: `${rounds} × ${seconds} s, everysec; the trend without the first third`,
    quantities: [
      ...services.flatMap(({ name, runs }) => describeMemory(name, runs)),
      { name: 'both', measure: 'accepted/s', samples: samples.map((run) => run.accepted / run.seconds) },
    ],
    comparisons: services.flatMap(({ name, runs }) => judgeMemory(name, runs)),
    remarks: remarkTrouble([ours]),
  };
}

async function runUnderLoad(bench: Bench, scope: Scope, seconds: number): Promise<MemoryRun> {
  const redis = await startRedis(bench, scope, 'everysec');
  const worker = await startWorker(bench, scope, redis, await startMongo(bench, scope));
  const ingestion = await startIngestion(bench, scope, redis);
  let isOver = false;
  const load = bench.loadGenerator
    .run(scope, { url: `${ingestion.url}/event`, bodiesFile: bench.eventBodies, seconds, withStatuses: true })
    .finally(() => {
      isOver = true;
    });
  const [result, ingestionPoints, workerPoints] = await Promise.all([
    load,
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

function describeMemory(name: string, runs: Point[][]): Quantity[] {
  const measured = (measure: string, samples: number[]) => ({ name, measure, samples });
  return [
    measured(
      'MB at the start',
      runs.map((points) => points[0]?.value ?? Number.NaN),
    ),
    measured(
      'MB, every second',
      runs.flatMap((points) => points.map(({ value }) => value)),
    ),
    measured('MB a minute', runs.map(findTrend)),
  ];
}

function judgeMemory(name: string, runs: Point[][]): Comparison[] {
  const greatest = Math.max(...runs.flatMap((points) => points.map(({ value }) => value)));
  const steepest = Math.max(...runs.map(findTrend));
  return [
    { name: `${name}: most, MB`, value: greatest, bound: atMost(200, 120) },
    {
      name: `${name}: trend, MB a minute`,
      value: steepest,
      bound: atMost(LEVEL_MB_PER_MINUTE, LEVEL_MB_PER_MINUTE),
    },
  ];
}

function findTrend(points: Point[]): number {
  return findSlopePerMinute(points.slice(Math.floor(points.length * GROWING_UP_SHARE)));
}
