import { expect, test } from 'vitest';
import { createEventMarks } from '../src/rollup/eventMarks.ts';
import { HOUR_REST_MS, type SiteBucket } from '../src/rollup/marks.ts';

const HOUR = Date.parse('2025-11-12T19:00:00Z');

function createMarked() {
  const marked: string[] = [];
  const clock = { nowMs: 1000 };
  const { markBefore } = createEventMarks(
    {
      markHours: async (hours: readonly SiteBucket[]) => {
        marked.push(...hours.map(({ site_id, startMs }) => `${site_id} ${(startMs - HOUR) / 3_600_000}`));
      },
    },
    () => clock.nowMs,
  );
  return { marked, clock, markBefore };
}

const at = (site_id: string, minutes: number) => ({ site_id, timestamp: new Date(HOUR + minutes * 60_000) });

test('each hour of each site is marked once for events that come together', async () => {
  const { marked, markBefore } = createMarked();

  await markBefore([at('a', 0), at('a', 59.9), at('b', 5), at('a', 60), at('a', -0.1)]);

  expect(marked.sort()).toEqual(['a -1', 'a 0', 'a 1', 'b 0']);
});

test('an hour is marked again only when its mark has rested too long for another write', async () => {
  const { marked, clock, markBefore } = createMarked();
  await markBefore([at('a', 0)]);

  clock.nowMs += HOUR_REST_MS / 2;
  await markBefore([at('a', 1)]);
  expect(marked).toHaveLength(1);

  clock.nowMs += HOUR_REST_MS / 4;
  await markBefore([at('a', 2)]);
  expect(marked).toHaveLength(2);
});

test('an hour whose mark may have ripened during the write is marked again after it, and no other', async () => {
  const { marked, clock, markBefore } = createMarked();
  const markAfterQuick = await markBefore([at('a', 0)]);
  await markAfterQuick();
  expect(marked).toEqual(['a 0']);

  const markAfterSlow = await markBefore([at('a', 0)]);
  clock.nowMs += HOUR_REST_MS;
  await markAfterSlow();
  expect(marked).toEqual(['a 0', 'a 0']);
});

test('a mark that could not be made is tried again at the next write', async () => {
  let isBroken = true;
  const { markBefore } = createEventMarks({
    markHours: async () => {
      if (isBroken) {
        throw new Error('MongoDB is away');
      }
    },
  });

  await expect(markBefore([at('a', 0)])).rejects.toThrow('away');
  isBroken = false;
  await expect(markBefore([at('a', 0)])).resolves.toBeTypeOf('function');
});
