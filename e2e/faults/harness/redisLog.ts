import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';

/**
 * Finds the append-only file that Redis writes to: one file before Redis 7, since then the newest of a
 * folder.
 */
export async function findAppendOnlyFile(redis: Redis): Promise<string> {
  const settings = await redis.config('GET', '*');
  const read = (name: string) => {
    const at = (settings as string[]).indexOf(name);
    return at < 0 ? undefined : (settings as string[])[at + 1];
  };
  const folder = read('dir') ?? '.';
  const name = read('appendfilename') ?? 'appendonly.aof';
  const subfolder = read('appenddirname');
  if (subfolder === undefined) {
    return join(folder, name);
  }
  const increments = (await readdir(join(folder, subfolder))).filter((file) => file.endsWith('.incr.aof'));
  const numberOf = (file: string) => Number(/\.(\d+)\.incr\.aof$/.exec(file)?.[1]);
  const [newest] = increments.sort((a, b) => numberOf(b) - numberOf(a));
  return join(folder, subfolder, newest as string);
}
