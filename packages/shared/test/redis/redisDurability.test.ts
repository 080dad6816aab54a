import { startOwnRedis } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { closeRedis, createWorkerRedis } from '../../src/redis/redis.ts';
import { watchRedisDurability } from '../../src/redis/redisDurability.ts';

const stack = useTestStack();
const server = await startOwnRedis();
stack.register(() => server.remove());
const admin = new Redis(server.port, '127.0.0.1');
stack.register(() => admin.quit());
await admin.acl('SETUSER', 'blind', 'on', '>sesame', '~*', '&*', '+@all', '-info');
await admin.acl('SETUSER', 'unconfigured', 'on', '>sesame', '~*', '&*', '+@all', '-config');

/** Watches the one server, which a test sets up before. */
async function watch({ isStrict = false, username = 'default' } = {}) {
  const REDIS_URL = {
    host: '127.0.0.1',
    port: server.port,
    db: 0,
    isTls: false,
    ...(username !== 'default' && { username, password: 'sesame' }),
  };
  const redis = createWorkerRedis({ REDIS_HOST: 'elsewhere', REDIS_PORT: 1, REDIS_URL });
  const logged: string[] = [];
  const log = (line: string) => logged.push(line);
  const durability = watchRedisDurability({
    redis,
    isStrict,
    onRefused: (error) => logged.push(`ended: ${error.message}`),
    logger: { warn: log, info: log, debug: () => {} } as never,
    checkIntervalMs: 20,
  });
  const close = async () => {
    durability.stop();
    await closeRedis(redis);
  };
  stack.register(close);
  return { logged, durability, close, readWarnings: () => durability.health.warnings };
}

const APPENDFSYNC =
  'its appendfsync is everysec and should be always, or a crash takes the last accepted events';

const volatile: [name: string, setting: [string, string, string], risk: string][] = [
  [
    'without an append-only file',
    ['appendonly', 'no', 'yes'],
    'its append-only file is off and should be on (appendonly yes)',
  ],
  ['that writes its file later', ['appendfsync', 'everysec', 'always'], APPENDFSYNC],
  [
    'that evicts',
    ['maxmemory-policy', 'allkeys-lru', 'noeviction'],
    'its maxmemory-policy is allkeys-lru and should be noeviction',
  ],
];

test.each(volatile)(
  'a Redis %s is warned of in the log and in the health, until that is mended',
  async (_name, [setting, bad, good], risk) => {
    await admin.config('SET', setting, bad);
    const { logged, readWarnings, close } = await watch();
    const warnings = await waitUntil(readWarnings);
    await admin.config('SET', setting, good);
    await waitUntil(() => logged.length === 2);
    await close();

    expect(warnings).toEqual([risk]);
    expect(readWarnings()).toBeUndefined();
    expect(logged).toEqual([
      `This Redis can lose accepted events: ${risk}. REDIS_DURABILITY=strict would refuse to run on it.`,
      'This Redis keeps accepted events now.',
    ]);
  },
);

test.each(volatile)('a strict service exits on a Redis %s', async (_name, [setting, bad, good], risk) => {
  await admin.config('SET', setting, bad);
  const { logged, close } = await watch({ isStrict: true });
  await waitUntil(() => logged.length > 0);
  await close();
  await admin.config('SET', setting, good);

  expect(logged).toEqual([
    `ended: REDIS_DURABILITY=strict does not allow this Redis, because it can lose accepted events: ${risk}.`,
  ]);
});

test('a running strict service does not use Redis while it can lose events, and recovers by itself', async () => {
  const { logged, durability, close } = await watch({ isStrict: true });
  await durability.requireDurable();
  const isAllowed = () => durability.requireDurable().then(() => true, String);

  await admin.config('SET', 'appendfsync', 'everysec');
  const refusal = await waitUntil(isAllowed, (answer) => answer !== true);
  await admin.config('SET', 'appendfsync', 'always');
  await waitUntil(isAllowed, (answer) => answer === true);
  await close();

  expect(refusal).toBe(
    `Error: REDIS_DURABILITY=strict does not allow this Redis, because it can lose accepted events: ${APPENDFSYNC}.`,
  );
  expect(logged).toEqual([]);
});

test('a Redis that persists acknowledged writes causes no warning', async () => {
  const { logged, durability, readWarnings, close } = await watch({ isStrict: true });
  await durability.requireDurable();
  await close();

  expect([logged, readWarnings()]).toEqual([[], undefined]);
});

const blind: [username: string, missing: string][] = [
  ['blind', 'the Redis user may not run INFO (its ACL lacks +info)'],
  ['unconfigured', 'the Redis user may not run CONFIG GET (its ACL lacks +config|get)'],
];

test.each(blind)('a setting that the user %s may not read causes a warning', async (username, missing) => {
  const { logged, readWarnings, close } = await watch({ username });
  const warnings = await waitUntil(readWarnings);
  await close();

  expect(warnings).toEqual([missing]);
  expect(logged).toEqual([`It is unknown whether this Redis keeps accepted events: ${missing}.`]);
});

test.each(blind)(
  'a setting that the user %s may not read stops a strict service',
  async (username, missing) => {
    const { logged, close } = await watch({ username, isStrict: true });
    await waitUntil(() => logged.length > 0);
    await close();

    expect(logged).toEqual([
      `ended: REDIS_DURABILITY=strict does not allow this Redis, because it cannot be checked: ${missing}.`,
    ]);
  },
);
