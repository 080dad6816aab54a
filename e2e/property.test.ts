import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import type { EventInput } from '@analytics/shared/event';
import type { SiteStats } from '@analytics/shared/stats';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createClient } from './client.ts';
import { startServices, waitUntilReady } from './startServices.ts';

const services = await startServices(useTestStack());
await waitUntilReady(services);
const { getStats, postAndWait } = createClient(services);

const DAYS = ['2025-11-11', '2025-11-12', '2025-11-13'];

/** Few sites, paths and users, so that they meet; moments near midnight, so that days are told apart. */
const event = fc.record({
  site_id: fc.constantFrom('a', 'b', '__proto__'),
  event_type: fc.constantFrom('page_view', 'click'),
  path: fc.oneof(
    fc.constantFrom('/', '/a', '/A', '/ä', '/🎈', '/豈', 'constructor'),
    fc.webPath({ size: 'small' }).filter(Boolean),
  ),
  user_id: fc.oneof(fc.constant(null), fc.constantFrom('u', 'U', '0', 'null', '__proto__')),
  timestamp: fc
    .record({
      day: fc.constantFrom(...DAYS),
      time: fc.constantFrom('00:00:00', '00:00:00.001', '12:00:00', '23:59:59.999'),
      offset: fc.constantFrom('Z', '+05:30', '-08:00'),
    })
    .map(({ day, time, offset }) => `${day}T${time}${offset}`),
});

/** What `GET /stats` promises, counted in the plainest way there is. */
function countPlainly(events: EventInput[], site_id: string, date: string | null): SiteStats {
  const counted = events.filter(
    (each) =>
      each.site_id === site_id && (date === null || new Date(each.timestamp).toISOString().startsWith(date)),
  );
  const views = new Map<string, number>();
  for (const { path } of counted) {
    views.set(path, (views.get(path) ?? 0) + 1);
  }
  return {
    site_id,
    date,
    total_views: counted.length,
    unique_users: new Set(counted.map(({ user_id }) => user_id).filter((user_id) => user_id !== null)).size,
    top_paths: [...views]
      .map(([path, count]) => ({ path, views: count }))
      .sort((a, b) => b.views - a.views || Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))
      .slice(0, 10),
  };
}

test('whatever events are posted, the reports equal a plain count of them', {
  timeout: 120_000,
}, async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 60 }), async (generated) => {
      // Every run has its own sites, or it would count the events of the runs before it.
      run += 1;
      const events = generated.map((each) => ({ ...each, site_id: `${each.site_id}-${run}` }));

      expect(await postAndWait(events)).toEqual(events.map(() => 202));

      for (const site_id of new Set(events.map((each) => each.site_id))) {
        for (const date of [null, ...DAYS]) {
          expect(await getStats(site_id, date ?? undefined)).toEqual(countPlainly(events, site_id, date));
        }
      }
    }),
    { numRuns: 40 },
  );
});
