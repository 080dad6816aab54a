import { expect, test } from 'vitest';
import { SerializedData } from '../../src/event/eventQueue.ts';
import { createEventJob, packJobs, serializeEvents } from '../../src/event/packJobs.ts';

const KIBI = 1024;
const entry = (count: number, bytes = 0) => ({ count, bytes, json: '' });

test.each([
  ['nothing makes no job', [], []],
  ['entries that fit share a job', [entry(200), entry(300)], [2]],
  ['an entry that does not fit begins the next job', [entry(300), entry(201), entry(299)], [1, 2]],
  ['bytes fill a job, too', [entry(1, 300 * KIBI), entry(1, 212 * KIBI), entry(1, 1)], [2, 1]],
  ['an entry larger than that has a job of its own', [entry(1), entry(500, 900 * KIBI), entry(1)], [1, 1, 1]],
])('%s', (_name, entries, expected) => {
  const jobs = packJobs(entries);

  expect(jobs.flat()).toEqual(entries);
  expect(jobs.map((job) => job.length)).toEqual(expected);
});

const plain = { path: '/' };
const wide = { path: '/ünïcödé/語/😀', note: 'a "quote", a \\ and a \u0001' };

test.each([
  ['one event', [[plain]], 'ingest-event', plain],
  ['one event that is no ASCII', [[wide]], 'ingest-event', wide],
  ['one request with several', [[plain, wide, plain]], 'ingest-batch', { events: [plain, wide, plain] }],
  [
    'several requests',
    [[wide], [plain, plain], [wide]],
    'ingest-batch',
    { events: [wide, plain, plain, wide] },
  ],
])('the JSON of %s has the counted number of bytes', (_name, requests, name, data) => {
  const job = createEventJob(requests.map(serializeEvents));

  expect(job.name).toBe(name);
  expect(job.data).toBeInstanceOf(SerializedData);
  expect(JSON.parse(job.data.json)).toEqual(data);
  expect(job.data.bytes).toBe(Buffer.byteLength(job.data.json));
});
