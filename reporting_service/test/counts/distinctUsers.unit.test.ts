import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { countDistinctUsers } from '../../src/counts/distinctUsers.ts';
import { createReportMemory, MemoryShortError } from '../../src/database/reportMemory.ts';
import type { EventUsers } from '../../src/sources/events/eventUsers.ts';
import { emptyCounts } from '../../src/sources/rollups/heldCounts.ts';
import type { RollupSource } from '../../src/sources/rollups/rollupSource.ts';

test('the open cursor of events is closed if there is no memory for the bitmaps', async () => {
  let isClosed = false;
  async function* readEvents(): AsyncGenerator<EventUsers> {
    try {
      yield { index: 0, users: ['ann'] };
      yield { index: 0, users: ['bob'] };
    } finally {
      isClosed = true;
    }
  }
  const memory = createReportMemory({ smallReportBytes: 1 });
  const source: RollupSource = {
    signal: new AbortController().signal,
    collections: {} as RollupSource['collections'],
    site: 1,
    counts: emptyCounts,
    memory: memory.openSmall(),
  };

  const counting = countDistinctUsers(
    { source, lookUps: memory },
    [{ bitmaps: [], hasEvents: true }],
    readEvents,
  );

  await expect(counting).rejects.toThrow(MemoryShortError);
  await nextTurn();
  expect(isClosed).toBe(true);
});
