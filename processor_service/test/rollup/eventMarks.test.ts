import { expect, test } from 'vitest';
import { createEventMarks } from '../../src/rollup/eventMarks.ts';
import { HOUR_REST_MS, type SiteBucket } from '../../src/rollup/marks.ts';

const HOUR = Date.parse('2025-11-12T19:00:00Z');

const name = ({ site_id, startMs }: SiteBucket) => `${site_id} ${(startMs - HOUR) / 3_600_000}`;

/** `counted` names the hours that a roller has claimed or cleared when the check asks. */
function createMarked(counted: string[] = []) {
  const marked: string[] = [];
  const clock = { nowMs: 1000 };
  const { markBefore } = createEventMarks(
    {
      markHours: async (hours) => {
        marked.push(...hours.map(name));
      },
      findCounted: async (hours) => hours.filter((hour) => counted.includes(name(hour))),
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

test('an hour that was counted during the write is marked again after it, and no other', async () => {
  const { marked, markBefore } = createMarked(['a 1']);

  const check = await markBefore([at('a', 0), at('a', 60), at('b', 60)]);
  await check();

  expect(marked).toEqual(['a 0', 'a 1', 'b 1', 'a 1']);
});

test('of very many hours those that were marked last are remembered', async () => {
  const { marked, clock, markBefore } = createMarked();
  await markBefore(Array.from({ length: 10_001 }, (_, hour) => at('a', hour * 60)));
  clock.nowMs += HOUR_REST_MS;
  await markBefore([at('b', 0)]);
  expect(marked).toHaveLength(10_002);

  await markBefore([at('b', 0)]);

  expect(marked).toHaveLength(10_002);
});

test('a mark that could not be made is tried again at the next write', async () => {
  let isBroken = true;
  const { markBefore } = createEventMarks({
    markHours: async () => {
      if (isBroken) {
        throw new Error('MongoDB is away');
      }
    },
    findCounted: async () => [],
  });

  await expect(markBefore([at('a', 0)])).rejects.toThrow('away');
  isBroken = false;
  await expect(markBefore([at('a', 0)])).resolves.toBeTypeOf('function');
});
