import { join } from 'node:path';
import { findRedisAddress, redisSettings } from '@analytics/shared/redis/redisSettings';
import { type Environment, parseSettings } from '@analytics/shared/service/config';
import { z } from 'zod';
import { requireFreeDisk, SERVER_DISK_BYTES } from './diskSpace.ts';
import { identifyRedis } from './listeningServer.ts';
import { findRedisProgram } from './redisProgram.ts';
import { startRedisServer } from './redisServer.ts';
import { createUnusableError, requireUsableRedis } from './serverCheck.ts';
import type { StackContext, StackServer } from './stack.ts';
import { explainStartFailure } from './startFailure.ts';

/** @throws Error with the reason and what to do. */
export async function provideRedis(context: StackContext): Promise<StackServer> {
  const { settings, redisPort: port } = context;
  const named = findNamedRedis(settings);
  if (named) {
    await requireUsable(
      named,
      context,
      'Check the settings, or remove them: then npm start has a Redis of its own.',
    );
    return named;
  }
  const address = `127.0.0.1:${port}`;
  const connection = { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(port) };
  const listener = await identifyRedis(port);
  if (listener === 'redis') {
    const running: StackServer = { source: 'running', address, connection };
    await requireUsable(running, context, 'Or stop it: then npm start has a Redis of its own.');
    return running;
  }
  if (listener === 'tls') {
    throw new Error(
      `The Redis on ${address} speaks TLS: set REDIS_URL=rediss://<user>:<password>@${address} in .env, or stop it.`,
    );
  }
  if (listener === 'other') {
    throw new Error(
      `What listens on ${address} does not answer as a Redis: stop it, or set REDIS_HOST and REDIS_PORT in .env to a Redis that you have.`,
    );
  }
  return startRedis(context, address, connection);
}

async function startRedis(
  { dataFolder: parent, logFolder, redisPort: port, search, progress, signal }: StackContext,
  address: string,
  connection: StackServer['connection'],
): Promise<StackServer> {
  await requireFreeDisk(parent, SERVER_DISK_BYTES);
  const dataFolder = join(parent, 'redis');
  const logFile = join(logFolder, 'redis.log');
  const program = await findRedisProgram(search);
  progress.show('Starting Redis');
  try {
    const server = await startRedisServer({
      program,
      port,
      dataFolder,
      appendfsync: 'always',
      logFile,
      signal,
    });
    return { source: 'started', address, dataFolder, server, connection };
  } catch (error) {
    throw explainStartFailure(error, { name: 'Redis', port, dataFolder, logFile });
  } finally {
    progress.clear();
  }
}

async function requireUsable(
  { address, connection }: StackServer,
  { settings, checkTimeoutMs: timeoutMs, signal }: StackContext,
  otherwise: string,
): Promise<void> {
  try {
    await requireUsableRedis({ ...settings, ...connection }, { timeoutMs, signal });
  } catch (error) {
    throw createUnusableError(`The Redis on ${address}`, error, otherwise);
  }
}

/**
 * Describes the Redis that the settings name, or returns `undefined` if they name none.
 *
 * @throws SettingsError if a setting is invalid.
 */
export function findNamedRedis(settings: Environment): StackServer | undefined {
  const { REDIS_URL, REDIS_HOST, REDIS_PORT } = settings;
  if (!(REDIS_URL || REDIS_HOST || REDIS_PORT)) {
    return undefined;
  }
  const { host, port } = findRedisAddress(parseSettings(z.object(redisSettings), settings));
  return {
    source: 'settings',
    address: `${host}:${port}`,
    connection: REDIS_URL ? { REDIS_URL } : { REDIS_HOST: host, REDIS_PORT: String(port) },
  };
}
