import { join } from 'node:path';
import { requireFreeDisk } from '@analytics/local-stack/diskSpace';
import { expect, test } from 'vitest';
import { makeTemporaryFolder } from './temporaryFolder.ts';

test('reports how much is free and how much is needed, also for a folder that does not exist yet', async () => {
  const folder = join(await makeTemporaryFolder(), 'not', 'yet');
  await expect(requireFreeDisk(folder, 1e18)).rejects.toThrow(
    /^The disk of .*\/not\/yet has only \d+ MB free and 1000000000000 MB are needed: free some space and try again\.$/,
  );
  await expect(requireFreeDisk(folder, 1)).resolves.toBeUndefined();
});
