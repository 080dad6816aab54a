import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { findFreePort } from '@analytics/local-stack/freePort';
import { startOwnRedis } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { expect, test } from 'vitest';
import { startAgedMongo } from './agedMongo.ts';

const stack = useTestStack();
const script = join(import.meta.dirname, '../packages/local-stack/dist/bin/start.js');
const folder = await mkdtemp(join(tmpdir(), 'npm-start-failure-'));
stack.register(() => rm(folder, { recursive: true }));
const ports = {
  INGESTION_PORT: String(await findFreePort()),
  REPORTING_PORT: String(await findFreePort()),
  PROCESSOR_PORT: String(await findFreePort()),
};

/** Runs the program behind `npm start` until it ends; resolves with its exit code and all that it wrote. */
async function start(settings: Record<string, string>) {
  const child = spawn(process.execPath, [script], {
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      REDIS_PORT: String(stack.REDIS_PORT),
      MONGO_URI: stack.MONGO_URI,
      DATA_FOLDER: join(folder, 'data'),
      ...ports,
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [output, errors, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ]);
  return { code, output: `${output}${errors}` };
}

test('if the data folder is a file, the only line names it', async () => {
  const file = join(folder, 'file');
  await writeFile(file, '');

  const { code, output } = await start({ DATA_FOLDER: join(file, 'data') });

  expect([code, output]).toEqual([
    1,
    `${file} is a file, and a folder for data is needed there: move it away, or set DATA_FOLDER in .env to another folder.\n`,
  ]);
});

test('if this user cannot write to the data folder, the only line names it', async () => {
  const file = join(folder, 'foreign', 'logs', 'redis.log');
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, '', { mode: 0o400 });
  // Root may write to any file; nobody may create a folder beside the kernel's.
  const isRoot = process.getuid?.() === 0;
  const dataFolder = isRoot ? '/sys/analytics' : join(folder, 'foreign');

  const { code, output } = await start({ DATA_FOLDER: dataFolder });

  expect(code).toBe(1);
  expect(output.startsWith(isRoot ? dataFolder : file)).toBe(true);
  expect(output).toMatch(
    /^\S+ (cannot be read and written\. [^\n]*|is on a file system that can only be read:) (or )?set DATA_FOLDER in \.env to another folder\.\n$/,
  );
});

test('a MongoDB that is too old stops the start immediately, with one sentence', async () => {
  const { port, close } = await startAgedMongo(Number(new URL(stack.MONGO_URI).port), { version: '5.0.9' });
  stack.register(close);

  const { code, output } = await start({ MONGO_URI: `mongodb://127.0.0.1:${port}` });

  expect([code, output]).toEqual([
    1,
    `The MongoDB on 127.0.0.1:${port} cannot be used: This MongoDB is version 5.0.9, and 6.0 or newer is needed: upgrade it, or set MONGO_URI to another. Check MONGO_URI, or remove it: then npm start has a MongoDB of its own.\n`,
  ]);
});

test('the refusal of REDIS_DURABILITY=strict is logged once', async () => {
  const redis = await startOwnRedis(['--appendonly', 'no']);
  stack.register(() => redis.remove());

  const { code, output } = await start({ REDIS_PORT: String(redis.port), REDIS_DURABILITY: 'strict' });

  expect(code).toBe(1);
  expect(output).toMatch(
    /^(ingestion|processor)_service ended while starting, exit code 1: REDIS_DURABILITY=strict does not allow this Redis, because .* append-only file is off .*\.\n$/,
  );
});
