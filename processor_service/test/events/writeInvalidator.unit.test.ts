import { WRITE_LEASE_MS } from '@analytics/rollups/invalidations';
import type { SiteBucket } from '@analytics/rollups/keys';
import { expect, test } from 'vitest';
import { createWriteInvalidator } from '../../src/events/writeInvalidator.ts';

const HOUR = Date.parse('2025-11-12T19:00:00Z');

const name = ({ site_id, startMs }: SiteBucket) => `${site_id} ${(startMs - HOUR) / 3_600_000}`;

/** `counted` are the hours that a refresh has claimed or resolved before the check. */
function createInvalidator(counted: string[] = []) {
  const invalidated: string[] = [];
  const clock = { nowMs: 1000 };
  const { invalidate } = createWriteInvalidator(
    {
      invalidateHours: async (hours) => {
        invalidated.push(...hours.map(name));
      },
      findPossiblyCounted: async (hours) => hours.filter((hour) => counted.includes(name(hour))),
    },
    () => clock.nowMs,
  );
  return { invalidated, clock, invalidate };
}

const at = (site_id: string, minutes: number) => ({ site_id, timestamp: new Date(HOUR + minutes * 60_000) });

test('each hour of each site is invalidated once for events that arrive together', async () => {
  const { invalidated, invalidate } = createInvalidator();

  await invalidate([at('a', 0), at('a', 59.9), at('b', 5), at('a', 60), at('a', -0.1)]);

  expect(invalidated.sort()).toEqual(['a -1', 'a 0', 'a 1', 'b 0']);
});

test('an hour is invalidated again only when too little of its lease is left for a write', async () => {
  const { invalidated, clock, invalidate } = createInvalidator();
  await invalidate([at('a', 0)]);

  clock.nowMs += WRITE_LEASE_MS / 2;
  await invalidate([at('a', 1)]);
  expect(invalidated).toHaveLength(1);

  clock.nowMs += WRITE_LEASE_MS / 4;
  await invalidate([at('a', 2)]);
  expect(invalidated).toHaveLength(2);
});

test('only an hour that was counted during the write is invalidated again after it', async () => {
  const { invalidated, invalidate } = createInvalidator(['a 1']);

  const check = await invalidate([at('a', 0), at('a', 60), at('b', 60)]);
  await check();

  expect(invalidated).toEqual(['a 0', 'a 1', 'b 1', 'a 1']);
});

test('beyond the limit of leases, the latest are kept', async () => {
  const { invalidated, clock, invalidate } = createInvalidator();
  await invalidate(Array.from({ length: 10_001 }, (_, hour) => at('a', hour * 60)));
  clock.nowMs += WRITE_LEASE_MS;
  await invalidate([at('b', 0)]);
  expect(invalidated).toHaveLength(10_002);

  await invalidate([at('b', 0)]);

  expect(invalidated).toHaveLength(10_002);
});

test('a failed invalidation is repeated at the next write', async () => {
  let isBroken = true;
  const { invalidate } = createWriteInvalidator({
    invalidateHours: async () => {
      if (isBroken) {
        throw new Error('MongoDB is away');
      }
    },
    findPossiblyCounted: async () => [],
  });

  await expect(invalidate([at('a', 0)])).rejects.toThrow('away');
  isBroken = false;
  await expect(invalidate([at('a', 0)])).resolves.toBeTypeOf('function');
});
