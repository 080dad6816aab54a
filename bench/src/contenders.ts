import { join } from 'node:path';
import { startOnPort } from '@analytics/local-stack/freePort';
import { type RunningServer, startServerProcess } from '@analytics/local-stack/serverProcess';
import type { Bench } from './bench.ts';
import { ownServer } from './ownServer.ts';
import type { Scope } from './scopes.ts';
import type { BenchRedis } from './stack.ts';

const READY_TIMEOUT_MS = 30_000;

/** A process that is measured. All run alike: plain `node` on the build, told by their environment alone. */
export interface Contender extends RunningServer {
  url: string;
}

interface Program {
  name: string;
  /** Below the root folder. */
  script: string;
  env: Record<string, string>;
  isReady(lines: readonly string[], url: string): boolean | Promise<boolean>;
}

/** `report` is what it answers to a GET. */
export function startBare(bench: Bench, scope: Scope, report = '{}'): Promise<Contender> {
  const program = {
    name: 'bare node:http',
    script: 'bench/dist/bare.js',
    env: { REPORT: report },
    isReady: says('listening'),
  };
  return startProgram(bench, scope, program);
}

export function startNaiveIngestion(bench: Bench, scope: Scope, redis: BenchRedis): Promise<Contender> {
  return startProgram(bench, scope, {
    name: 'the naive ingestion',
    script: 'bench/dist/naive/ingestion.js',
    env: { REDIS_PORT: String(redis.port) },
    isReady: says('listening'),
  });
}

export function startNaiveWorker(
  bench: Bench,
  scope: Scope,
  redis: BenchRedis,
  mongoUri: string,
): Promise<Contender> {
  return startProgram(bench, scope, {
    name: 'the naive worker',
    script: 'bench/dist/naive/worker.js',
    env: { REDIS_PORT: String(redis.port), MONGO_URI: `${mongoUri}?retryWrites=true&w=majority` },
    isReady: says('taking jobs'),
  });
}

export function startIngestion(
  bench: Bench,
  scope: Scope,
  redis: BenchRedis,
  settings: Record<string, string> = {},
): Promise<Contender> {
  return startProgram(bench, scope, {
    name: 'the ingestion service',
    script: 'ingestion_service/dist/server.js',
    env: { REDIS_PORT: String(redis.port), ...SERVICE_ENV, ...settings },
    isReady: (_lines, url) => answersReady(url),
  });
}

export function startWorker(
  bench: Bench,
  scope: Scope,
  redis: BenchRedis,
  mongoUri: string,
): Promise<Contender> {
  return startProgram(bench, scope, {
    name: 'the processor service',
    script: 'processor_service/dist/worker.js',
    env: { REDIS_PORT: String(redis.port), MONGO_URI: mongoUri, ...SERVICE_ENV },
    isReady: (_lines, url) => answersReady(url),
  });
}

export function startNaiveReporting(bench: Bench, scope: Scope, mongoUri: string): Promise<Contender> {
  return startProgram(bench, scope, {
    name: 'the naive reporting',
    script: 'bench/dist/naive/stats.js',
    env: { MONGO_URI: mongoUri },
    isReady: says('listening'),
  });
}

export function startReporting(
  bench: Bench,
  scope: Scope,
  mongoUri: string,
  settings: Record<string, string> = {},
): Promise<Contender> {
  return startProgram(bench, scope, {
    name: 'the reporting service',
    script: 'reporting_service/dist/server.js',
    env: { MONGO_URI: mongoUri, ...SERVICE_ENV, ...settings },
    isReady: (_lines, url) => answersReady(url),
  });
}

/** The defaults, said aloud so that no `.env` file says otherwise. */
const SERVICE_ENV = {
  REDIS_HOST: '127.0.0.1',
  QUEUE_NAME: 'eventQueue',
  QUEUE_PREFIX: 'bull',
  QUEUE_MAX_WAITING_EVENTS: '1000000',
  WORKER_CONCURRENCY: '100',
  STATS_TOP_PATHS: '10',
  STATS_TIMEOUT_SECONDS: '30',
  STATS_MAX_CONCURRENT: '8',
  STATS_CACHE_TTL_SECONDS: '5',
  LOG_LEVEL: 'info',
};

async function startProgram(bench: Bench, scope: Scope, program: Program): Promise<Contender> {
  const { name, script, env, isReady } = program;
  const server = await startOnPort(0, (port) =>
    startServerProcess({
      name,
      program: process.execPath,
      args: [join(bench.rootFolder, script)],
      env: { PATH: process.env['PATH'], NODE_ENV: 'production', PORT: String(port), ...env },
      port,
      isReady: (lines) => isReady(lines, toUrl(port)),
      readyTimeoutMs: READY_TIMEOUT_MS,
    }),
  );
  ownServer(scope, server);
  return { ...server, url: toUrl(server.port) };
}

function toUrl(port: number): string {
  return `http://127.0.0.1:${port}`;
}

function says(words: string): (lines: readonly string[]) => boolean {
  return (lines) => lines.some((line) => line.includes(words));
}

async function answersReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) });
    await response.body?.cancel();
    return response.status === 200;
  } catch {
    // Not listening yet.
    return false;
  }
}
