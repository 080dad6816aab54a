import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createReportMemory, MemoryShortError } from '../src/reportMemory.ts';
import type { ReportSource } from '../src/reportSource.ts';
import type { EventUsers } from '../src/rollup/eventUsers.ts';
import { countUnions } from '../src/rollup/userUnion.ts';

test('events that are being read are closed when the sets have no room', async () => {
  let isClosed = false;
  async function* readEvents(): AsyncGenerator<EventUsers> {
    try {
      yield { index: 0, users: ['ann'] };
      yield { index: 0, users: ['bob'] };
    } finally {
      isClosed = true;
    }
  }
  const context = {
    source: { signal: new AbortController().signal } as ReportSource,
    site: 1,
    memory: createReportMemory({ smallReportBytes: 1 }).openSmall(),
  };

  const counting = countUnions(context, [{ places: [], hasEvents: true }], readEvents);

  await expect(counting).rejects.toThrow(MemoryShortError);
  await nextTurn();
  expect(isClosed).toBe(true);
});
