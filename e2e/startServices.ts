import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { readNodeArgs } from '@analytics/local-stack/nodeArgs';
import type { TestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { withTimeout } from '@analytics/shared/async/withTimeout';

/** A service that does not listen by then hangs. */
const LISTEN_TIMEOUT_MS = 30_000;

const rootFolder = join(import.meta.dirname, '..');

export interface ServiceProcess {
  /** Where it answers. */
  url: string;
  process: ChildProcess;
  /** Its log so far, one object a line. */
  log: Record<string, unknown>[];
  /** The lines that it wrote past its log, to standard error. */
  errorLines: string[];
  /** Ends it by SIGTERM and resolves with its exit code. */
  stop(): Promise<number | null>;
}

export interface Services {
  ingestion: ServiceProcess;
  processor: ServiceProcess;
  reporting: ServiceProcess;
}

/**
 * Runs the three services as in production: each in its own process, from its build, by its start script.
 * Resolves when they listen, whether they are ready or not. `more` are settings besides the stack's.
 */
export async function startServices(stack: TestStack, more: Record<string, string> = {}): Promise<Services> {
  const [ingestion, processor, reporting] = await Promise.all([
    startService('ingestion_service', stack, more),
    startService('processor_service', stack, more),
    startService('reporting_service', stack, more),
  ]);
  // A service that stops waits for quiet connections: all three at once.
  stack.register(() => Promise.all([ingestion.stop(), processor.stop(), reporting.stop()]));
  return { ingestion, processor, reporting };
}

/** Waits until every service says that it is ready. */
export async function waitUntilReady(services: Services): Promise<void> {
  for (const { url } of Object.values(services)) {
    await waitUntil(async () => (await fetch(`${url}/readyz`)).status === 200);
  }
}

/**
 * Runs one service on any free port; resolves when it listens. It ends with the test file at the latest.
 * `more` are settings besides the stack's.
 */
export async function startService(
  name: string,
  stack: TestStack,
  more: Record<string, string> = {},
): Promise<ServiceProcess> {
  const { register: _, ...settings } = stack;
  const child = spawn(process.execPath, readNodeArgs(join(rootFolder, name), 'start'), {
    // A test that asks twice wants to know what is true, not what was a moment ago.
    env: { PATH: process.env['PATH'], PORT: '0', STATS_CACHE_TTL_SECONDS: '0', ...toText(settings), ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const stop = async () => {
    child.kill('SIGTERM');
    const [code] = await exited;
    return code;
  };
  stack.register(stop);

  const errorLines: string[] = [];
  createInterface(child.stderr).on('line', (line) => {
    errorLines.push(line);
    process.stderr.write(`${line}\n`);
  });
  const log: Record<string, unknown>[] = [];
  const listening = new Promise<number>((resolve, reject) => {
    createInterface(child.stdout).on('line', (line) => {
      const entry = JSON.parse(line) as Record<string, unknown>;
      log.push(entry);
      if (typeof entry['port'] === 'number') {
        resolve(entry['port']);
      }
    });
    child.once('exit', (code) => reject(new Error(`${name} ended with exit code ${code}`)));
  });
  const port = await withTimeout(listening, LISTEN_TIMEOUT_MS);
  return { url: `http://127.0.0.1:${port}`, process: child, log, errorLines, stop };
}

function toText(settings: Record<string, string | number>): Record<string, string> {
  return Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, String(value)]));
}
