import { startOwnRedis } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { closeRedis, createWorkerRedis } from '@analytics/shared/redis';
import { describeRisks, watchRedisDurability } from '@analytics/shared/redisDurability';
import { expect, test } from 'vitest';

const stack = useTestStack();

async function watch(args: string[], isStrict = false) {
  const server = await startOwnRedis(args);
  stack.register(() => server.remove());
  const redis = createWorkerRedis({ REDIS_HOST: '127.0.0.1', REDIS_PORT: server.port });
  stack.register(() => closeRedis(redis));
  const told: string[] = [];
  const logger = { warn: (line: string) => told.push(line), debug: () => {} };
  const onVolatile = (error: Error) => told.push(`refused: ${error.message}`);
  const durability = watchRedisDurability(redis, logger as never, isStrict ? onVolatile : undefined);
  await waitUntil(() => durability.risks !== undefined);
  return { told, warnings: describeRisks(durability).warnings };
}

test('a Redis that keeps what it acknowledged gives no warning', async () => {
  expect(await watch([])).toEqual({ told: [], warnings: undefined });
});

const volatile: [name: string, args: string[], risk: string][] = [
  [
    'without an append-only file',
    ['--appendonly', 'no'],
    'its append-only file is off and should be on (appendonly yes)',
  ],
  [
    'that evicts',
    ['--maxmemory-policy', 'allkeys-lru'],
    'its maxmemory-policy is allkeys-lru and should be noeviction',
  ],
];

test.each(volatile)('a Redis %s is warned of in the log and in the health', async (_name, args, risk) => {
  expect(await watch(args)).toEqual({
    told: [
      `This Redis can lose accepted events: ${risk}. REDIS_DURABILITY=strict would refuse to run on it.`,
    ],
    warnings: [risk],
  });
});

test.each(volatile)('a strict service does not run on a Redis %s', async (_name, args, risk) => {
  expect((await watch(args, true)).told).toEqual([
    `refused: This Redis can lose accepted events: ${risk}. REDIS_DURABILITY=strict does not allow it.`,
  ]);
});
