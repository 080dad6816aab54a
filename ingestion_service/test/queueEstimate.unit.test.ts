import { expect, test } from 'vitest';
import { createQueueEstimate, JOB_OVERHEAD_BYTES } from '../src/queue/queueEstimate.ts';
import type { QueueSample } from '../src/queue/queueSampler.ts';

const memory = { usedBytes: 1000, maxBytes: 8000, hasMaxMemory: true };
const JOB = { events: 10, bytes: 2000 };

/** An estimate after a job, a sample, a job during the next sample, and a job after it. */
async function estimate(first: QueueSample, second: QueueSample | undefined) {
  const { record, refresh, measure } = createQueueEstimate();
  record(JOB);
  const isFirstNew = await refresh(async () => first);
  const isSecondNew = await refresh(async () => {
    record(JOB);
    return second;
  });
  record(JOB);
  return { isNew: [isFirstNew, isSecondNew], ...measure() };
}

test.each<[string, QueueSample, QueueSample | undefined, object]>([
  [
    'the waiting jobs times the mean of a job, and the jobs since the sample began',
    { jobs: 1 },
    { jobs: 3 },
    { isNew: [true, true], waiting: { events: 50, bytes: 10_000 }, memory: undefined, isSampled: true },
  ],
  [
    'the jobs of this process, if the jobs of the queue cannot be counted',
    { jobs: 1 },
    { own: { events: 7, bytes: 70 } },
    { isNew: [true, true], waiting: { events: 27, bytes: 4070 }, memory: undefined, isSampled: true },
  ],
  [
    'the last sample and all jobs since, if there is no new sample',
    { jobs: 1 },
    undefined,
    { isNew: [true, false], waiting: { events: 30, bytes: 6000 }, memory: undefined, isSampled: true },
  ],
  [
    'the memory of Redis and the bytes since',
    { jobs: 0, memory },
    { jobs: 0, memory },
    {
      isNew: [true, true],
      waiting: { events: 20, bytes: 4000 },
      memory: { usedBytes: 5000, maxBytes: 8000 },
      isSampled: true,
    },
  ],
])('the load is %s', async (_name, first, second, load) => {
  expect(await estimate(first, second)).toEqual(load);
});

test('the mean job size starts with the first job and follows the newest', async () => {
  const { record, measure, refresh } = createQueueEstimate();
  const measureOneJob = async () => {
    await refresh(async () => ({ jobs: 1 }));
    return measure().waiting;
  };
  const means = [await measureOneJob()];
  record({ events: 4, bytes: 400 });
  means.push(await measureOneJob());
  record({ events: 8, bytes: 800 });
  means.push(await measureOneJob());

  expect(means).toEqual([
    { events: 1, bytes: JOB_OVERHEAD_BYTES },
    { events: 4, bytes: 400 },
    { events: 6, bytes: 600 },
  ]);
});
