import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A new MongoDB takes about 300 MB before the first event. */
export const SERVER_DISK_BYTES = 500e6;

/**
 * Checks that `neededBytes` are free on the disk of `folder`, which need not exist yet.
 *
 * @throws Error that says how much is free and how much is needed.
 */
export async function requireFreeDisk(folder: string, neededBytes: number): Promise<void> {
  let existing = folder;
  while (!existsSync(existing) && existing !== dirname(existing)) {
    existing = dirname(existing);
  }
  const { bavail, bsize } = await statfs(existing);
  const freeBytes = bavail * bsize;
  if (freeBytes < neededBytes) {
    throw new Error(
      `The disk of ${folder} has only ${megabytes(freeBytes)} free and ${megabytes(neededBytes)} are needed: free some space and try again.`,
    );
  }
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / 1e6)} MB`;
}
