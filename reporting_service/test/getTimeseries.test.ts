import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import request from 'supertest';
import { expect, test } from 'vitest';
import { startApp } from './startApp.ts';

const stack = useTestStack();
const NOW = '2025-11-12T12:00:00Z';
const { app, storeSite } = await startApp(stack, {}, () => Date.parse(NOW));

const get = (query: object) => request(app).get('/stats/timeseries').query(query);

test('the steps are without gaps, begin at local midnight, and count their own users', async () => {
  const site_id = await storeSite(
    '2025-10-24T22:00:00Z / ann',
    '2025-10-26T22:59:59.999Z / ann',
    '2025-10-26T12:00:00Z / ann',
    '2025-10-26T12:00:00Z /',
    '2025-10-26T23:00:00Z / ann',
  );

  const { body } = await get({ site_id, from: '2025-10-25', to: '2025-10-27', tz: 'Europe/Berlin' });

  expect(body).toEqual({
    meta: {
      site_id,
      from: '2025-10-25T00:00:00+02:00',
      to: '2025-10-28T00:00:00+01:00',
      tz: 'Europe/Berlin',
      as_of: new Date(NOW).toISOString(),
      source: 'live',
    },
    interval: 'day',
    series: [
      { start: '2025-10-25T00:00:00+02:00', views: 1, unique_users: 1 },
      { start: '2025-10-26T00:00:00+02:00', views: 3, unique_users: 1 },
      { start: '2025-10-27T00:00:00+01:00', views: 1, unique_users: 1 },
    ],
  });
});

test.each([
  ['2025-03-30', 23],
  ['2025-10-26', 25],
  ['2025-11-12', 24],
])('the day %s in Berlin has %d hours', async (date, hours) => {
  const site_id = await storeSite(`${date}T00:30:00Z / ann`);

  const { body } = await get({ site_id, date, tz: 'Europe/Berlin', interval: 'hour' });

  expect(body.series).toHaveLength(hours);
  expect(body.series.filter(({ views }: { views: number }) => views > 0)).toHaveLength(1);
});

test('all time reaches from the day of the first event to that of the last', async () => {
  const site_id = await storeSite('2024-12-31T23:30:00Z / ann', '2025-02-01T00:00:00Z / ann');

  const { body } = await get({ site_id, interval: 'month', tz: 'Europe/Berlin' });

  expect(body.meta).toMatchObject({ from: null, to: null });
  expect(body.series.map(({ start, views }: { start: string; views: number }) => [start, views])).toEqual([
    ['2025-01-01T00:00:00+01:00', 1],
    ['2025-02-01T00:00:00+01:00', 1],
  ]);
});

test('all time holds the last event, also where its date came again after midnight', async () => {
  // At a minute past midnight clocks were put back to the day before.
  const site_id = await storeSite('2010-11-07T03:00:00Z / ann');

  const { body } = await get({ site_id, interval: 'day', tz: 'America/St_Johns' });

  expect(body.series.map(({ views }: { views: number }) => views)).toEqual([0, 1]);
});

test('a site without events has steps of zeros in a range, and none of all time', async () => {
  const inRange = await get({ site_id: 'nobody', period: '7d' });
  const ofAll = await get({ site_id: 'nobody' });

  expect(inRange.body.series).toHaveLength(7);
  expect(ofAll.body.series).toEqual([]);
});

test.each([
  ['hours of a year', 'interval=hour&from=2024-11-12&to=2025-11-12', 'interval'],
  ['days of ten years', 'interval=day&from=2015-11-13&to=2025-11-12', 'interval'],
  ['an interval that there is not', 'interval=minute&period=today', 'interval'],
  ['a parameter of another route', 'dimension=path&period=today', 'dimension'],
])('%s are refused with 400 that names the parameter', async (_name, query, field) => {
  const response = await request(app).get(`/stats/timeseries?site_id=a&${query}`);

  expect(response.status).toBe(400);
  expect(JSON.parse(response.text).errors).toEqual([{ field, message: expect.any(String) }]);
});

test('2,000 steps are answered', async () => {
  const { body } = await get({ site_id: 'nobody', interval: 'day', from: '2020-01-01', to: '2025-06-22' });

  expect(body.series).toHaveLength(2000);
});
