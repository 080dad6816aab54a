import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { createOwnJobs } from '../src/queue/ownJobs.ts';

const stack = useTestStack();
const redis = new Redis(stack.REDIS_PORT, stack.REDIS_HOST);
stack.register(() => redis.quit());
const toKey = (id: string) => `${stack.QUEUE_PREFIX}:${id}`;

const JOBS = 1500;
const ids = Array.from({ length: JOBS }, (_, index) => String(index + 1));

test('unfinished jobs are counted, even if they exceed the checkpoints', async () => {
  const ownJobs = createOwnJobs(redis, toKey);
  for (const id of ids) {
    await redis.hset(toKey(id), 'timestamp', 1);
    ownJobs.record(id, { events: 2, bytes: 30 });
    await ownJobs.count();
  }
  const all = await ownJobs.count();

  await redis.del(ids.slice(0, 1000).map(toKey));
  const half = await ownJobs.count();
  await redis.del(ids.map(toKey));
  const none = await ownJobs.count();

  expect(all).toEqual({ events: 2 * JOBS, bytes: 30 * JOBS });
  // A checkpoint counts up to three finished jobs together with an unfinished one.
  expect(half.events).toBeGreaterThanOrEqual(2 * 500);
  expect(half.events).toBeLessThanOrEqual(2 * 503);
  expect(half.bytes).toBe(half.events * 15);
  expect(none).toEqual({ events: 0, bytes: 0 });
});

test('nothing is counted while Redis does not answer', async () => {
  const lost = new Redis(stack.REDIS_PORT, stack.REDIS_HOST);
  await lost.quit();

  await expect(createOwnJobs(lost, toKey).count()).rejects.toThrow();
});
