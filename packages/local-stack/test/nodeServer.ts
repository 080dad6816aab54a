import { findFreePort } from '@analytics/local-stack/freePort';
import {
  type RunningServer,
  type ServerProcessOptions,
  startServerProcess,
} from '@analytics/local-stack/serverProcess';
import { onTestFinished } from 'vitest';

/**
 * Starts `code` in plain node as a server that is ready once it has said so; it is gone after the running
 * test.
 */
export async function startNodeServer(
  code: string,
  options: Partial<ServerProcessOptions> = {},
): Promise<RunningServer> {
  const server = await startServerProcess({
    name: 'The server',
    program: process.execPath,
    args: ['--eval', code],
    port: await findFreePort(),
    isReady: (lines) => lines.includes('ready'),
    readyTimeoutMs: 60_000,
    ...options,
  });
  onTestFinished(() => server.kill());
  return server;
}

/** Whether the process is there and not only waiting to be reaped. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
