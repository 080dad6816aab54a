import { once } from 'node:events';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { createRateLimiter } from '../../src/limits/rateLimiter.ts';

const stack = useTestStack();

/** A limiter with a connection of its own, as each service has one. */
async function start(
  limit: number,
  name: string,
  { now = () => 0, hashSubjects = false }: { now?: () => number; hashSubjects?: boolean } = {},
) {
  const redis = new Redis(stack.REDIS_PORT, stack.REDIS_HOST);
  stack.register(() => redis.disconnect());
  await redis.ping();
  let commands = 0;
  const failures: Error[] = [];
  const counted = {
    get status() {
      return redis.status;
    },
    multi: () => {
      commands += 1;
      return redis.multi();
    },
  } as unknown as Redis;
  const limiter = createRateLimiter(
    { name, limit, windowMs: 60_000, hashSubjects },
    {
      redis: counted,
      prefix: `${stack.QUEUE_PREFIX}:limits`,
      onFailure: (error) => failures.push(error),
      now,
    },
  );
  const count = async (subject: string, requests: number, units = 1) => {
    const results = await Promise.all(Array.from({ length: requests }, () => limiter.take(subject, units)));
    return results.filter((refusal) => refusal === undefined).length;
  };
  return { limiter, redis, failures, count, readCommands: () => commands };
}

test('four services together allow the limit to within a tenth, and never more', async () => {
  const services = await Promise.all([1, 2, 3, 4].map(() => start(1000, 'together')));
  const allowed = await Promise.all(services.map(({ count }) => count('a', 2000)));
  const sum = allowed.reduce((total, each) => total + each, 0);

  expect(sum).toBeLessThanOrEqual(1000);
  expect(sum).toBeGreaterThanOrEqual(900);
});

test('uneven services may use nearly all of the limit', async () => {
  const [busy, quiet] = await Promise.all([start(1000, 'uneven'), start(1000, 'uneven')]);
  expect(await quiet.count('a', 1)).toBe(1);
  expect(await busy.count('a', 5000)).toBeGreaterThanOrEqual(980);
});

test('a flood costs few commands, and none once the limit is reached', async () => {
  const { count, readCommands } = await start(1000, 'flood');

  expect(await count('a', 100_000)).toBe(1000);
  const commands = readCommands();
  expect(commands).toBeLessThanOrEqual(51);
  expect(await count('a', 100_000)).toBe(0);
  expect(readCommands()).toBe(commands);
});

test('subjects and windows are independent, and counters expire', async () => {
  let nowMs = 0;
  const { limiter, count, redis } = await start(2, 'windows', { now: () => nowMs });

  expect([await count('a', 3), await count('b', 3)]).toEqual([2, 2]);
  expect(await limiter.take('a', 1)).toEqual({ remaining: 0, resetMs: 60_000 });
  nowMs = 60_000;
  expect(await count('a', 3)).toBe(2);
  expect(await redis.pttl(`${stack.QUEUE_PREFIX}:limits:windows:1:a`)).toBeGreaterThan(0);
});

test('Redis gets only hashes of the subjects of a limit that says so', async () => {
  const { limiter, redis } = await start(10, 'hashed', { hashSubjects: true });

  await Promise.all([limiter.take('203.0.113.7', 1), limiter.take('203.0.113.8', 1)]);

  const keys = await redis.keys(`${stack.QUEUE_PREFIX}:limits:hashed:*`);
  expect(keys).toHaveLength(2);
  expect(keys.join(' ')).not.toContain('203');
});

test('when the clock goes back, the earlier window is used again', async () => {
  let nowMs = 60_000;
  const { count } = await start(2, 'clock', { now: () => nowMs });

  expect(await count('a', 3)).toBe(2);
  nowMs = 59_999;
  expect(await count('a', 3)).toBe(2);
  nowMs = 60_000;
  expect(await count('a', 3)).toBe(0);
});

test('a batch takes its units together, or none', async () => {
  const { limiter } = await start(100, 'batches');

  expect(await limiter.take('a', 60)).toBeUndefined();
  expect(await limiter.take('a', 60)).toEqual({ remaining: 40, resetMs: 60_000 });
  expect(await limiter.take('a', 40)).toBeUndefined();
  expect(await limiter.take('b', 101)).toMatchObject({ resetMs: 60_000 });
});

test('without Redis, the process applies the limit alone', async () => {
  const { count, redis, failures } = await start(100, 'alone');
  redis.disconnect();
  await once(redis, 'end');

  expect(await count('a', 1000)).toBe(100);
  expect(failures).toEqual([]);

  const alone = createRateLimiter(
    { name: 'x', limit: 3, windowMs: 1000 },
    { prefix: '', onFailure: () => {}, now: () => 1 },
  );
  expect([1, 2, 3, 4].map(() => alone.take('a', 1))).toEqual([
    undefined,
    undefined,
    undefined,
    { remaining: 0, resetMs: 999 },
  ]);
});

test('the memory of subjects is bounded', async () => {
  const limiter = createRateLimiter(
    { name: 'x', limit: 1, windowMs: 60_000 },
    { prefix: '', onFailure: () => {}, now: () => 1, maxSubjects: 2 },
  );
  const take = (subject: string) => limiter.take(subject, 1) === undefined;

  expect(['a', 'b', 'b', 'c', 'c', 'a'].map(take)).toEqual([true, true, false, true, false, true]);
});
