import { join } from 'node:path';
import { startOnPort } from '@analytics/local-stack/freePort';
import { readNodeArgs } from '@analytics/local-stack/nodeArgs';
import { type RunningServer, startServerProcess } from '@analytics/local-stack/serverProcess';
import type { Bench } from './bench.ts';
import type { Scope } from './scopes.ts';
import { ownServer } from './servers.ts';

const READY_TIMEOUT_MS = 30_000;

interface Program {
  /** A file below the root folder, or the folder of a service, which is run by its start script. */
  program: string;
  /** What the program writes when it is ready. Services answer `GET /readyz` instead. */
  readyLine?: string;
}

/**
 * Every process that is measured: plain `node` on the build, configured by its environment alone. Services
 * have the V8 flags of their start scripts.
 */
const CONTENDERS = {
  bare: { program: 'bench/dist/bare.js', readyLine: 'listening' },
  naiveIngestion: { program: 'bench/dist/naive/ingestion.js', readyLine: 'listening' },
  naiveWorker: { program: 'bench/dist/naive/worker.js', readyLine: 'taking jobs' },
  naiveReporting: { program: 'bench/dist/naive/stats.js', readyLine: 'listening' },
  ingestion: { program: 'ingestion_service' },
  worker: { program: 'processor_service' },
  reporting: { program: 'reporting_service' },
} satisfies Record<string, Program>;

export type ContenderName = keyof typeof CONTENDERS;

/** The defaults of our services, set so that no `.env` file changes them. */
const DEFAULT_SETTINGS = {
  AUTH_MODE: 'open',
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

export interface Contender extends RunningServer {
  url: string;
}

/**
 * Starts a contender and resolves when it is ready. It ends with the scope.
 *
 * @throws ServerStartError if it is not ready within 30 s.
 */
export async function startContender(
  bench: Bench,
  scope: Scope,
  name: ContenderName,
  settings: object = {},
): Promise<Contender> {
  const { program, readyLine }: Program = CONTENDERS[name];
  const path = join(bench.rootFolder, program);
  const server = await startOnPort(0, (port) =>
    startServerProcess({
      name: program,
      program: process.execPath,
      args: readyLine ? [path] : readNodeArgs(path, 'start'),
      env: {
        PATH: process.env['PATH'],
        NODE_ENV: 'production',
        PORT: String(port),
        ...DEFAULT_SETTINGS,
        ...settings,
      },
      port,
      isReady: (lines) =>
        readyLine ? lines.some((line) => line.includes(readyLine)) : isServiceReady(toUrl(port)),
      readyTimeoutMs: READY_TIMEOUT_MS,
    }),
  );
  ownServer(scope, server);
  return { ...server, url: toUrl(server.port) };
}

function toUrl(port: number): string {
  return `http://127.0.0.1:${port}`;
}

async function isServiceReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) });
    await response.body?.cancel();
    return response.status === 200;
  } catch {
    // The service does not listen yet.
    return false;
  }
}
