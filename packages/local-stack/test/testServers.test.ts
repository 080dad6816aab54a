import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { identifyMongo, identifyRedis } from '@analytics/local-stack/listeningServer';
import { startTestServers } from '@analytics/local-stack/testServers';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';

test('starts servers that answer at once, and leaves nothing behind', async () => {
  const { redis, mongo, stop } = await startTestServers();
  expect(await identifyRedis(redis.port)).toBe('redis');
  expect(await identifyMongo(mongo.port)).toBe('mongodb');
  const client = new Redis(redis.port);
  const [, folder = ''] = (await client.config('GET', 'dir')) as string[];
  client.disconnect();
  await stop();
  expect(await identifyRedis(redis.port)).toBe('nothing');
  expect(await identifyMongo(mongo.port)).toBe('nothing');
  expect(existsSync(dirname(folder))).toBe(false);
});
