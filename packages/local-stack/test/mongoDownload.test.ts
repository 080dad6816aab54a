import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { downloadMongo } from '@analytics/local-stack/mongoDownload';
import { findCacheFolder, type ProgramSearch } from '@analytics/local-stack/programSource';
import { createProgress } from '@analytics/local-stack/terminal';
import { expect, onTestFinished, test } from 'vitest';
import { makeTemporaryFolder } from './temporaryFolder.ts';

/** A search with an empty home that downloads from a server of the test's own. */
async function createSearch(answer: RequestListener): Promise<ProgramSearch> {
  const mirror = createServer(answer).listen(0, '127.0.0.1');
  await once(mirror, 'listening');
  onTestFinished(() => mirror.closeAllConnections());
  onTestFinished(() => void mirror.close());
  const { port } = mirror.address() as AddressInfo;
  const environment = {
    PATH: process.env['PATH'],
    HOME: await makeTemporaryFolder(),
    MONGOMS_DOWNLOAD_MIRROR: `http://127.0.0.1:${port}`,
    MONGOMS_USE_HTTP: 'true',
  };
  return { environment, progress: createProgress() };
}

async function makeArchive(): Promise<Buffer> {
  const folder = await makeTemporaryFolder();
  await mkdir(join(folder, 'mongodb', 'bin'), { recursive: true });
  await writeFile(join(folder, 'mongodb', 'bin', 'mongod'), '#!/bin/sh\necho "db version v7.0.24"\n');
  execFileSync('tar', ['-czf', 'archive.tgz', 'mongodb'], { cwd: folder });
  return readFile(join(folder, 'archive.tgz'));
}

test('keeps the downloaded program in the cache and nothing else', async () => {
  const archive = await makeArchive();
  const md5 = createHash('md5').update(archive).digest('hex');
  const search = await createSearch((request, response) => {
    const body = request.url?.endsWith('.md5') ? `${md5}  archive.tgz\n` : archive;
    response.writeHead(200, { 'Content-Length': body.length }).end(body);
  });
  const program = await downloadMongo(search);
  expect(execFileSync(program, { encoding: 'utf8' })).toBe('db version v7.0.24\n');
  const cacheFolder = findCacheFolder(search.environment);
  expect(program).toBe(join(cacheFolder, 'mongod-7.0.24'));
  expect(await readdir(cacheFolder)).toEqual(['mongod-7.0.24']);
});

test('cancels a download that never begins, and leaves nothing behind', async () => {
  const search = await createSearch(() => {});
  await expect(downloadMongo(search, 1500)).rejects.toThrow('nothing arrives from its host');
  expect(await readdir(findCacheFolder(search.environment))).toEqual([]);
});
