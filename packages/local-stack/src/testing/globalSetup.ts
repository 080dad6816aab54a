import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';
import { startTestServers } from '../testServers.ts';

declare module 'vitest' {
  interface ProvidedContext {
    redisPort: number;
    mongoPort: number;
  }
}

const rootFolder = join(import.meta.dirname, '../../../..');

/**
 * Runs once before all tests: builds the services for the end-to-end tests, and starts the Redis and the
 * MongoDB that all tests share. Returns a function that stops them.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await build();
  const servers = await startTestServers();
  project.provide('redisPort', servers.redis.port);
  project.provide('mongoPort', servers.mongo.port);
  return () => servers.stop();
}

async function build(): Promise<void> {
  try {
    await promisify(execFile)('npm', ['run', '--silent', 'build'], { cwd: rootFolder });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`The build failed, so no test was run:\n${stdout}${stderr}`, { cause: error });
  }
}
