import { constants } from 'node:fs';
import { access, mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Only the user may read the folder: it holds events and the logs of the servers. */
const PRIVATE_MODE = 0o700;

/**
 * Creates a folder that no other user can read, and checks that this process can read and write everything in
 * it. An existing folder keeps its mode.
 *
 * @throws Error that names the file or folder and what to do.
 */
export async function prepareFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: PRIVATE_MODE });
    await requireAccess(folder);
  } catch (error) {
    throw await explainFolderError(error as NodeJS.ErrnoException, folder);
  }
}

async function requireAccess(folder: string): Promise<void> {
  await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      await requireAccess(path);
    } else if (entry.isFile()) {
      await requireFileAccess(path);
    }
  }
}

async function requireFileAccess(path: string): Promise<void> {
  try {
    await access(path, constants.R_OK | constants.W_OK);
  } catch (error) {
    // A server that still runs in this folder may have removed the file.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw error;
    }
  }
}

async function explainFolderError(error: NodeJS.ErrnoException, folder: string): Promise<Error> {
  const path = error.path ?? folder;
  const elsewhere = 'set DATA_FOLDER in .env to another folder';
  const sentence = {
    EEXIST: () => describeFile(folder, elsewhere),
    ENOTDIR: () => describeFile(folder, elsewhere),
    EACCES: () => describeOwner(path, elsewhere),
    EPERM: () => describeOwner(path, elsewhere),
    EROFS: () => `${path} is on a file system that can only be read: ${elsewhere}.`,
    ENOSPC: () => `The disk of ${path} is full: free some space and try again.`,
    EDQUOT: () => `The disk quota of this user is used up at ${path}: free some space and try again.`,
  }[error.code ?? ''];
  return sentence === undefined ? error : new Error(await sentence(), { cause: error });
}

async function describeFile(folder: string, elsewhere: string): Promise<string> {
  let path = folder;
  for (let above = folder; above !== dirname(above); above = dirname(above)) {
    const found = await stat(above).catch(() => undefined);
    if (found && !found.isDirectory()) {
      path = above;
    }
  }
  return `${path} is a file, and a folder for data is needed there: move it away, or ${elsewhere}.`;
}

async function describeOwner(path: string, elsewhere: string): Promise<string> {
  const [uid, owner] = [process.getuid?.(), await findOwner(path)];
  const isForeign = uid !== undefined && owner !== undefined && owner !== uid;
  const problem = isForeign
    ? `It belongs to the user with the number ${owner}, and you are ${uid}: sudo chown -R ${uid} ${path}`
    : `Look at its permissions: ls -ld ${path}`;
  return `${path} cannot be read and written. ${problem}, or ${elsewhere}.`;
}

/** The owner of a file, or of the nearest folder above it that exists. */
async function findOwner(path: string): Promise<number | undefined> {
  for (let each = path; ; each = dirname(each)) {
    const found = await stat(each).catch(() => undefined);
    if (found || each === dirname(each)) {
      return found?.uid;
    }
  }
}
