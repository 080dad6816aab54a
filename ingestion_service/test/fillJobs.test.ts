import { countTextUnits, type EventJob } from '@analytics/shared/event';
import { expect, test } from 'vitest';
import { fillJobs } from '../src/queue/fillJobs.ts';

const event: EventJob = {
  _id: '0'.repeat(24),
  site_id: 'site',
  event_type: 'view',
  path: '/',
  user_id: null,
  timestamp: '2025-11-12T19:30:01Z',
};

const request = (count: number, units = 0) => ({ events: Array.from({ length: count }, () => event), units });
const KIBI = 1024;

test.each([
  ['nothing makes no job', [], []],
  ['what fits shares a job', [request(200), request(300)], [2]],
  ['a request that does not fit begins the next job', [request(300), request(201), request(299)], [1, 2]],
  ['long texts fill a job, too', [request(1, 300 * KIBI), request(1, 212 * KIBI), request(1, 1)], [2, 1]],
  ['the longest request there is has a job of its own', [request(500, 512 * KIBI), request(1)], [1, 1]],
])('%s', (_name, requests, expected) => {
  const jobs = fillJobs(requests);

  expect(jobs.flat()).toEqual(requests);
  expect(jobs.map((job) => job.length)).toEqual(expected);
});

test("an event's length is that of all its texts", () => {
  expect(countTextUnits(event)).toBe(4 + 4 + 1);
  expect(
    countTextUnits({
      ...event,
      user_id: 'ann',
      referrer: 'https://a.example/',
      properties: { plan: 'pro', n: 1 },
    }),
  ).toBe(4 + 4 + 1 + 3 + 18 + (4 + 3) + (1 + 8));
});
