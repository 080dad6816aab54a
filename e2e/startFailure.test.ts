import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { readNodeArgs } from '@analytics/local-stack/nodeArgs';
import { startOwnMongo, startOwnRedis } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { closeServer } from '@analytics/shared/http/closeServer';
import { listen } from '@analytics/shared/http/httpServer';
import { Redis } from 'ioredis';
import mongoose from 'mongoose';
import { expect, test } from 'vitest';
import { startAgedMongo } from './agedMongo.ts';
import { startService } from './startServices.ts';

const stack = useTestStack();
const rootFolder = join(import.meta.dirname, '..');

/** Runs a service's build with settings that it can't work with, until it ends. */
async function run(name: string, settings: Record<string, string>) {
  const { register: _, ...names } = stack;
  const known = Object.fromEntries(Object.entries(names).map(([key, value]) => [key, String(value)]));
  const child = spawn(process.execPath, readNodeArgs(join(rootFolder, name), 'start'), {
    env: { PATH: process.env['PATH'], PORT: '0', ...known, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [output, errors, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ]);
  return { code, output, errors };
}

test.each(['ingestion_service', 'processor_service', 'reporting_service'])(
  '%s ends with 1 and the list of the settings that are wrong',
  async (name) => {
    const { code, errors } = await run(name, { PORT: 'http', LOG_LEVEL: 'loud' });

    expect(code).toBe(1);
    expect(errors).toMatch(/PORT must be a whole number from 0 to 65535 \([A-Z]+_PORT sets it, too\)/);
    expect(errors).toMatch(/LOG_LEVEL must be one of trace, debug/);
  },
);

test.each([
  ['mongodb://localhost:notaport/x'],
  ['mongodb://user:p/a?ss@localhost/x'],
  ['mongodb://localhost/x?unknownOption=1'],
])('an invalid MONGO_URI stops the start, and no part of it is logged: %s', async (uri) => {
  const { code, output, errors } = await run('reporting_service', { MONGO_URI: uri });

  expect([code, output]).toEqual([1, '']);
  expect(errors).toMatch(/^reporting_service can't start\. MONGO_URI is not a connection string/);
  expect(errors).not.toMatch(/localhost|p\/a/);
});

test('a port in use stops the start with one line that names it', async () => {
  const other = createServer();
  const port = await listen(other, 0);
  stack.register(() => closeServer(other));

  const { code, output } = await run('ingestion_service', { PORT: String(port) });

  expect(code).toBe(1);
  expect(JSON.parse(output.trim().split('\n').at(-1) ?? '')).toMatchObject({
    level: 60,
    msg: `Can't listen on port ${port}: it is already in use.`,
  });
});

test('an address that this machine does not have stops the start with one line that says what to do', async () => {
  const { code, output } = await run('ingestion_service', { HOST: '192.0.2.1' });

  expect(code).toBe(1);
  expect(JSON.parse(output.trim().split('\n').at(-1) ?? '')).toMatchObject({
    level: 60,
    msg: "Can't listen on port 0 of 192.0.2.1: this machine has no such address; set HOST to one of its own, or leave it empty.",
  });
});

/** What strict mode refuses: the arguments of the Redis, the user that asks it, and the reason. */
const volatileServers: [name: string, args: string[], user: string, reason: string][] = [
  [
    'that forgets',
    ['--appendonly', 'no'],
    '',
    'it can lose accepted events: its append-only file is off and should be on (appendonly yes).',
  ],
  [
    'that may not be asked',
    [],
    'blind:sesame@',
    'it cannot be checked: the Redis user may not run INFO (its ACL lacks +info).',
  ],
];

test.each(volatileServers)(
  'with REDIS_DURABILITY=strict, ingestion and worker end on a Redis %s, with one line that says so',
  async (_name, args, user, reason) => {
    const redis = await startOwnRedis(args);
    stack.register(() => redis.remove());
    const admin = new Redis(redis.port);
    await admin.acl('SETUSER', 'blind', 'on', '>sesame', '~*', '&*', '+@all', '-info');
    await admin.quit();

    for (const name of ['ingestion_service', 'processor_service']) {
      const { code, output, errors } = await run(name, {
        REDIS_HOST: '',
        REDIS_PORT: '',
        REDIS_URL: `redis://${user}127.0.0.1:${redis.port}`,
        REDIS_DURABILITY: 'strict',
      });
      const lines = output.trim().split('\n');

      expect([code, errors]).toEqual([1, '']);
      expect(lines.filter((line) => line.includes('strict'))).toEqual([lines.at(-1)]);
      expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({
        level: 60,
        msg: `REDIS_DURABILITY=strict does not allow this Redis, because ${reason}`,
      });
    }
  },
);

test.each([
  ['processor_service', { version: '5.0.9' }, 'is version 5.0.9, and 6.0 or newer is needed'],
  ['reporting_service', { version: '5.0.9' }, 'is version 5.0.9, and 6.0 or newer is needed'],
  ['reporting_service', { maxWireVersion: 7 }, 'is too old, and 6.0 or newer is needed'],
])('%s exits immediately if MongoDB answers %o, with one line that reports it', async (name, age, reason) => {
  const { port, close } = await startAgedMongo(Number(new URL(stack.MONGO_URI).port), age);
  stack.register(close);

  const { code, output } = await run(name, { MONGO_URI: `mongodb://127.0.0.1:${port}/analytics` });

  expect(code).toBe(1);
  const lines = output.trim().split('\n');
  expect(lines.filter((line) => /too old|5\.0\.9|wire version/.test(line))).toHaveLength(1);
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({
    level: 60,
    msg: `This MongoDB ${reason}: upgrade it, or set MONGO_URI to another.`,
  });
});

test('the error for a user of another database mentions authSource, the error for a missing user shows the form, and neither contains a password', async () => {
  const mongo = await startOwnMongo(['--auth']);
  stack.register(() => mongo.remove());
  const root = await mongoose.createConnection(`mongodb://127.0.0.1:${mongo.port}/admin`).asPromise();
  await root.db?.command({ createUser: 'root', pwd: 's3cret', roles: ['root'] });
  await root.close();
  const start = (MONGO_URI: string) => startService('reporting_service', { ...stack, MONGO_URI });
  const host = `127.0.0.1:${mongo.port}`;
  const [wrong, nobody] = await Promise.all([
    start(`mongodb://root:s3cret@${host}/analytics`),
    start(`mongodb://${host}/analytics`),
  ]);

  for (const [service, hint] of [
    [wrong, 'add authSource=admin to MONGO_URI: mongodb://…/analytics?authSource=admin'],
    [nobody, 'set MONGO_URI to one with a user name and a password'],
  ] as const) {
    const line = await waitUntil(() => service.log.find(({ msg }) => / is away: /.test(String(msg))));
    const { status, body } = await fetch(`${service.url}/readyz`).then(async (response) => ({
      status: response.status,
      body: await response.text(),
    }));
    expect(line?.['msg']).toContain(`MongoDB at ${host} is away: `);
    expect(line?.['msg']).toContain(hint);
    expect([status, body]).toEqual([503, expect.stringContaining(hint)]);
    expect(JSON.stringify(service.log) + body).not.toContain('s3cret');
  }
});
