import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { INGEST_EVENT_JOB, MAX_JOB_BYTES } from '@analytics/shared/event/eventQueue';
import { afterEach, expect, test } from 'vitest';
import { MAX_HELD_BYTES } from '../../src/queue/boundedWorker.ts';
import { openQueue, startConsumer } from '../events/startConsumer.ts';

const stack = useTestStack();
const queue = openQueue(stack);

/** Three fit into the budget, and a fourth exceeds it. */
const LARGE = 'x'.repeat(0.3 * MAX_HELD_BYTES);
const LARGEST = 'x'.repeat(MAX_JOB_BYTES - '""'.length);

/** The running jobs, in the order of their starts. */
const running: { data: unknown; finish: () => void }[] = [];

afterEach(async () => {
  for (const { finish } of running.splice(0)) {
    finish();
  }
  await waitUntil(async () => (await queue.getActiveCount()) === 0);
  await queue.obliterate({ force: true });
});

function start(concurrency = 20) {
  return startConsumer(
    stack,
    async ({ data }) => {
      await new Promise<void>((resolve) => running.push({ data, finish: resolve }));
      return { events: 0, stored: 0, duplicates: 0, dead_letters: 0 };
    },
    { concurrency },
  );
}

async function addJobs(...data: unknown[]): Promise<void> {
  for (const one of data) {
    await queue.add(INGEST_EVENT_JOB, one);
  }
}

const lengthsOfRunning = () => running.map(({ data }) => String(data).length);

/** Ends the oldest running job and waits until it has left the queue. */
async function finishOne(): Promise<void> {
  const left = await queue.getJobCountByTypes('wait', 'active');
  running.shift()?.finish();
  await waitUntil(async () => (await queue.getJobCountByTypes('wait', 'active')) === left - 1);
}

test('a worker takes no further job while those that it holds use up its budget, and runs those that fit', async () => {
  await addJobs(...Array(8).fill(LARGE));
  const consumer = start();

  const held: number[] = [];
  for (let left = 8; left > 0; left -= 1) {
    await waitUntil(async () => (await queue.getActiveCount()) === Math.min(left, 4));
    await waitUntil(() => running.length === Math.min(left, 3));
    held.push(await queue.getActiveCount());
    await finishOne();
  }

  expect(held).toEqual([4, 4, 4, 4, 4, 3, 2, 1]);
  await consumer.close();
});

test('small jobs that finish at the same time do not each fetch a large one', async () => {
  await addJobs(...Array(20).fill('small'), ...Array(20).fill(LARGE));
  const consumer = start();
  await waitUntil(() => running.length === 20);

  for (const { finish } of running.splice(0)) {
    finish();
  }
  await waitUntil(() => running.length === 3);
  const active = await queue.getActiveCount();

  expect([active, await queue.getWaitingCount()]).toEqual([4, 16]);
  for (let left = 20; left > 0; left -= 1) {
    await waitUntil(() => running.length > 0);
    await finishOne();
  }
  await consumer.close();
});

test('a job larger than the budget runs alone', async () => {
  await addJobs(LARGEST, 'small', LARGEST);
  const consumer = start();

  const runs: number[][] = [];
  for (let left = 3; left > 0; left -= 1) {
    await waitUntil(() => running.length > 0);
    runs.push(lengthsOfRunning());
    await finishOne();
  }

  expect(runs).toEqual([[LARGEST.length], ['small'.length], [LARGEST.length]]);
  await consumer.close();
});

test('a worker that stops immediately returns the jobs that wait', async () => {
  await addJobs(...Array(4).fill(LARGE));
  const consumer = start();
  await waitUntil(async () => (await queue.getActiveCount()) === 4);
  await waitUntil(() => running.length === 3);

  const closed = consumer.close();
  await waitUntil(async () => (await queue.getWaitingCount()) === 1);

  expect(await queue.getActiveCount()).toBe(3);
  for (const { finish } of running.splice(0)) {
    finish();
  }
  await closed;
  expect(await queue.getJobCounts('wait', 'active', 'failed')).toEqual({ wait: 1, active: 0, failed: 0 });
});
