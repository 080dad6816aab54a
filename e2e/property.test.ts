import { countSiteStats } from '@analytics/local-stack/testing/plainReports';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import fc from 'fast-check';
import { Document, mongo, Types } from 'mongoose';
import { expect, test } from 'vitest';
import type { Breakdown } from '../reporting_service/src/reports/answers.ts';
import { createClient } from './client.ts';
import { startServices, waitUntilReady } from './startServices.ts';

const services = await startServices(useTestStack());
await waitUntilReady(services);
const { postEvent, getStats, postAndWait } = createClient(services);

const DAYS = ['2025-11-11', '2025-11-12', '2025-11-13'];

/** Few sites, paths and users, so that they repeat; timestamps near midnight, to test the bounds of days. */
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

test('for random events, the reports equal a plain count', {
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
          expect(await getStats(site_id, date ?? undefined)).toEqual(countSiteStats(events, site_id, date));
        }
      }
    }),
    { numRuns: 40 },
  );
});

const REFUSED_NAMES = ['_bsontype', '__proto__', 'a.b', '$where'];

/** Names that JavaScript, BSON or Mongoose gives a meaning in objects of its own, and any others. */
function listPropertyNames(): string[] {
  const prototypes = [Object, Document, Types.ObjectId, mongo.Double];
  const owned = prototypes.flatMap(({ prototype }) => Object.getOwnPropertyNames(prototype));
  const others = [
    '0',
    '00',
    '-',
    '--',
    '_',
    '1e3',
    'id',
    '_id',
    'length',
    'then',
    'sum',
    'type',
    'k'.repeat(64),
  ];
  const any = fc.sample(fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/), 30);
  const names = new Set([...owned, ...others, ...any].filter((name) => !name.includes('$')));
  return [...names].filter((name) => !REFUSED_NAMES.includes(name));
}

/** Does something to each, a few at the same time, as the reporting service answers a few at once. */
async function forEach<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const left = [...items];
  const workers = Array.from({ length: 4 }, async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) {
      await work(item);
    }
  });
  await Promise.all(workers);
}

test('a property with any name is either stored and counted, or refused with a 400 that names it', async () => {
  const site_id = 'property names';
  const names = listPropertyNames();
  const event = {
    site_id,
    event_type: 'page_view',
    path: '/',
    user_id: 'ann',
    timestamp: '2025-11-12T10:00:00Z',
  };

  for (const name of REFUSED_NAMES) {
    expect(await postEvent({ ...event, properties: Object.fromEntries([[name, 1]]) })).toMatchObject({
      status: 400,
      body: { errors: [{ field: `properties.${name}` }] },
    });
  }
  const events = Array.from({ length: Math.ceil(names.length / 20) }, (_, index) => ({
    ...event,
    properties: Object.fromEntries(
      names.slice(index * 20, index * 20 + 20).map((name) => [name, `value of ${name}`]),
    ),
  }));
  expect(await postAndWait(events)).toEqual(events.map(() => 202));

  await forEach(names, async (name) => {
    const query = new URLSearchParams({ site_id, dimension: `property:${name}` });
    const response = await fetch(`${services.reporting.url}/stats/breakdown?${query}`);
    const { rows } = (await response.json()) as Breakdown;
    expect([name, rows?.filter(({ value }) => value !== null)]).toEqual([
      name,
      [{ value: `value of ${name}`, views: 1, unique_users: 1, share: 1 / events.length }],
    ]);
  });
});
