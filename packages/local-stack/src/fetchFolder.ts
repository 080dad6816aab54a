import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Progress } from './terminal.ts';

/**
 * Runs `fetch` with a new folder inside the cache folder, so on the same disk. A finished file can then be
 * renamed into place in one step, and two processes that download at the same time never see each other's
 * partial files. Removes the folder afterwards.
 */
export async function withFetchFolder<Result>(
  cacheFolder: string,
  fetch: (folder: string) => Promise<Result>,
): Promise<Result> {
  await mkdir(cacheFolder, { recursive: true });
  const folder = await mkdtemp(join(cacheFolder, '.fetching-'));
  try {
    return await fetch(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Shows how much of `expectedBytes` has arrived in `folder` until `work` ends. */
export async function showArrival<Result>(
  { title, folder, expectedBytes }: { title: string; folder: string; expectedBytes: number },
  progress: Progress,
  work: Promise<Result>,
): Promise<Result> {
  if (!progress.isVisible) {
    return work;
  }
  const startedMs = Date.now();
  let isUnderWay = true;
  const timer = setInterval(async () => {
    const percent = Math.min(100, Math.floor((100 * (await sumFileBytes(folder))) / expectedBytes));
    if (!isUnderWay) {
      return;
    }
    const seconds = Math.round((Date.now() - startedMs) / 1000);
    progress.show(`Fetching ${title}: ${percent} % of ${Math.round(expectedBytes / 1e6)} MB, ${seconds} s`);
  }, 200);
  try {
    return await work;
  } finally {
    isUnderWay = false;
    clearInterval(timer);
    progress.clear();
  }
}

async function sumFileBytes(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  // A file may be moved between `readdir` and `stat`.
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        (file) => (file.isFile() ? file.size : 0),
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
