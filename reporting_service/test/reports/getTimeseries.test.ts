import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import request from 'supertest';
import { expect, test } from 'vitest';
import { startApp } from '../startApp.ts';

const stack = useTestStack();
const NOW = '2025-11-12T12:00:00Z';
const { app, storeSite } = await startApp(stack, {}, () => Date.parse(NOW));

const get = (query: object) => request(app).get('/stats/timeseries').query(query);

test('the intervals have no gaps, begin at local midnight, and count their own users', async () => {
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
  ['2025-11-10', 24],
])('the day %s in Berlin has %d hours', async (date, hours) => {
  const site_id = await storeSite(`${date}T00:30:00Z / ann`);

  const { body } = await get({ site_id, date, tz: 'Europe/Berlin', interval: 'hour' });

  expect(body.series).toHaveLength(hours);
  expect(body.series.filter(({ views }: { views: number }) => views > 0)).toHaveLength(1);
});

test('all time spans the days from the first event to the last', async () => {
  const site_id = await storeSite('2024-12-31T23:30:00Z / ann', '2025-02-01T00:00:00Z / ann');

  const { body } = await get({ site_id, interval: 'month', tz: 'Europe/Berlin' });

  expect(body.meta).toMatchObject({ from: null, to: null });
  expect(body.series.map(({ start, views }: { start: string; views: number }) => [start, views])).toEqual([
    ['2025-01-01T00:00:00+01:00', 1],
    ['2025-02-01T00:00:00+01:00', 1],
  ]);
});

test('all time includes the last event, also if a clock change repeated its date after midnight', async () => {
  // At a minute past midnight clocks were put back to the day before.
  const site_id = await storeSite('2010-11-07T03:00:00Z / ann');

  const { body } = await get({ site_id, interval: 'day', tz: 'America/St_Johns' });

  expect(body.series.map(({ views }: { views: number }) => views)).toEqual([0, 1]);
});

const today = { from: '2025-11-12', to: '2025-11-12' };

test.each([
  ['the hours of today', { ...today, interval: 'hour' }, 13, '2025-11-12T12:00:00+00:00'],
  [
    'the hours of today in a zone',
    { period: 'today', interval: 'hour', tz: 'Asia/Kolkata' },
    18,
    '2025-11-12T17:00:00+05:30',
  ],
  ['the days of a week that runs', { from: '2025-11-10', to: '2025-11-16' }, 3, '2025-11-12T00:00:00+00:00'],
  [
    'the weeks of a range',
    { from: '2025-10-27', to: '2025-11-30', interval: 'week' },
    3,
    '2025-11-10T00:00:00+00:00',
  ],
  [
    'the months of a year',
    { from: '2025-01-01', to: '2025-12-31', interval: 'month' },
    11,
    '2025-11-01T00:00:00+00:00',
  ],
])('%s end with the current interval, and only that one is marked', async (_name, query, count, start) => {
  const site_id = await storeSite('2025-11-12T11:30:00Z / ann', '2025-11-13T11:00:00Z / ann');

  const { series } = (await get({ site_id, ...query })).body;

  expect(series).toHaveLength(count);
  expect(series.filter((each: object) => 'is_current' in each)).toEqual([
    expect.objectContaining({ start, is_current: true }),
  ]);
  expect(series.at(-1)).toHaveProperty('is_current');
});

test('a past range has no current interval, and a future range has no intervals', async () => {
  const over = await get({ site_id: 'nobody', date: '2025-11-11', interval: 'hour' });
  const ahead = await get({ site_id: 'nobody', date: '2025-11-13', interval: 'hour' });

  expect(over.body.series).toHaveLength(24);
  expect(JSON.stringify(over.body)).not.toContain('is_current');
  expect(ahead.body.series).toEqual([]);
});

test.each([
  ['2025-11-11T10:00:00Z', 'hour', 37],
  ['2025-08-01T00:00:00Z', 'day', 104],
  ['2019-11-12T00:00:00Z', 'week', 314],
  ['2000-01-01T00:00:00Z', 'week', 1351],
  ['1980-01-01T00:00:00Z', 'month', 551],
])('all time since %s is shown by %s, the finest interval that fits', async (first, interval, count) => {
  const site_id = await storeSite(`${first} / ann`, '2025-11-12T02:00:00Z / bob');

  const { body } = await get({ site_id });

  expect(body.interval).toBe(interval);
  expect(body.series).toHaveLength(count);
});

test('a range is shown by days without an interval, and by weeks where there are too many days', async () => {
  const days = await get({ site_id: 'nobody', from: '2025-11-01', to: '2025-11-02' });
  const weeks = await get({ site_id: 'nobody', from: '2015-11-13', to: '2025-11-12' });

  expect([days.body.interval, weeks.body.interval]).toEqual(['day', 'week']);
});

test('an event from the future does not lengthen all time', async () => {
  const site_id = await storeSite('2025-11-12T11:00:00Z / ann', '9998-01-01T00:00:00Z / ann');

  const { body } = await get({ site_id, interval: 'hour' });

  expect(body.series.at(-1)).toEqual({
    start: '2025-11-12T12:00:00+00:00',
    views: 0,
    unique_users: 0,
    is_current: true,
  });
});

test.each([
  ['0001-01-01T00:00:00Z', 'interval=month', 'ask for a range of at most ten years with from and to'],
  ['0001-01-01T00:00:00Z', '', 'ask for a range of at most ten years with from and to'],
  ['2015-11-12T00:00:00Z', 'interval=hour', 'use interval=week'],
  ['2015-11-12T00:00:00Z', 'interval=day', 'use interval=week'],
  ['1955-11-12T00:00:00Z', 'interval=week', 'use interval=month'],
])('all time since %s by %s is refused with an answer that works', async (first, query, advice) => {
  const site_id = await storeSite(`${first} / ann`, '2025-11-12T02:00:00Z / bob');
  const url = `/stats/timeseries?site_id=${site_id}&${query}`;

  const { status, body } = await request(app).get(url);

  expect(status).toBe(400);
  expect(body.errors).toEqual([{ field: 'interval', message: expect.stringContaining(advice) }]);
});

test('a plus sign in the name of a time zone works without escaping', async () => {
  const url = '/stats/timeseries?site_id=nobody&date=2025-11-11&interval=day';
  const typed = await request(app).get(`${url}&tz=Etc/GMT+5`);
  const encoded = await request(app).get(`${url}&tz=Etc%2FGMT%2B5`);

  expect(typed.status).toBe(200);
  expect(typed.body).toEqual(encoded.body);
  expect(typed.body.meta.tz).toBe('Etc/GMT+5');
});

test('a site without events has intervals of zeros in a range, and no intervals for all time', async () => {
  const inRange = await get({ site_id: 'nobody', period: '7d' });
  const ofAll = await get({ site_id: 'nobody' });

  expect(inRange.body.series).toHaveLength(7);
  expect(ofAll.body.series).toEqual([]);
});

test.each([
  ['hours of a year', 'interval=hour&from=2024-11-12&to=2025-11-12', 'interval'],
  ['days of ten years', 'interval=day&from=2015-11-13&to=2025-11-12', 'interval'],
  ['a zone that there is not', 'tz=Europe/Ber lin&period=today', 'tz'],
  ['an interval that there is not', 'interval=minute&period=today', 'interval'],
  ['a parameter of another route', 'dimension=path&period=today', 'dimension'],
])('%s are refused with 400 that names the parameter', async (_name, query, field) => {
  const response = await request(app).get(`/stats/timeseries?site_id=a&${query}`);

  expect(response.status).toBe(400);
  expect(JSON.parse(response.text).errors).toEqual([{ field, message: expect.any(String) }]);
});

test('2,000 intervals are answered', async () => {
  const { body } = await get({ site_id: 'nobody', interval: 'day', from: '2020-01-01', to: '2025-06-22' });

  expect(body.series).toHaveLength(2000);
});
