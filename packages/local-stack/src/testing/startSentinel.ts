import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startOnPort } from '../freePort.ts';
import { findRedisProgram } from '../redisProgram.ts';
import { startServerProcess } from '../serverProcess.ts';
import { createProgress } from '../terminal.ts';

/** Starts a Redis Sentinel that watches nothing. */
export async function startSentinel(): Promise<{ port: number; remove(): Promise<void> }> {
  const program = await findRedisProgram({ environment: process.env, progress: createProgress() });
  const folder = await mkdtemp(join(tmpdir(), 'analytics-sentinel-'));
  // A Sentinel saves its state in its configuration file, so it needs one.
  const file = join(folder, 'sentinel.conf');
  const server = await startOnPort(0, async (port) => {
    await writeFile(file, `port ${port}\nbind 127.0.0.1\ndir ${folder}\n`);
    return startServerProcess({
      name: 'Sentinel',
      program,
      args: [file, '--sentinel'],
      port,
      isReady: (lines) => lines.some((line) => /Sentinel ID is/.test(line)),
      readyTimeoutMs: 20_000,
    });
  });
  return {
    port: server.port,
    remove: async () => {
      await server.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
