import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Finds the root of the repository: the nearest folder above `from` whose `package.json` has workspaces. The
 * depth of `from` varies, because programs run from `dist`.
 *
 * @throws Error if there is none.
 */
export function findRootFolder(from: string = import.meta.dirname): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file) && 'workspaces' in JSON.parse(readFileSync(file, 'utf8'))) {
      return folder;
    }
    if (folder === dirname(folder)) {
      throw new Error(`No package.json with workspaces above ${from}: run this inside the repository.`);
    }
  }
}
