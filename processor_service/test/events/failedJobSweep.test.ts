import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import type { EventJob } from '@analytics/shared/event/event';
import { INGEST_EVENT_JOB } from '@analytics/shared/event/eventQueue';
import { closeRedis, createWorkerRedis } from '@analytics/shared/redis/redis';
import type { Logger } from '@analytics/shared/service/logger';
import { UnrecoverableError } from 'bullmq';
import { beforeEach, expect, test } from 'vitest';
import { createDeadLetterStore } from '../../src/deadLetters/deadLetterStore.ts';
import { startFailedJobSweep } from '../../src/events/failedJobSweep.ts';
import { createEvent } from '../createEvent.ts';
import { openQueue, openStore, startConsumer } from './startConsumer.ts';

const stack = useTestStack();
const queue = openQueue(stack);
const { DeadLetter, store } = await openStore(stack);
startConsumer(stack, () => Promise.reject(new UnrecoverableError('a bug')), { concurrency: 50 });

/** The log lines of all sweeps. */
const lines: { level: string; job_id?: string; reason?: string; text: string }[] = [];
const write = (level: string) => (fields: object | string, text?: string) =>
  lines.push(typeof fields === 'string' ? { level, text: fields } : { level, ...fields, text: text ?? '' });
const logger = { info: write('info'), warn: write('warn'), error: write('error') } as unknown as Logger;

/** Starts a sweep, as another processor does. */
function startSweep() {
  const redis = createWorkerRedis(stack);
  const deadLetters = createDeadLetterStore(DeadLetter, logger);
  const sweep = startFailedJobSweep({ redis, queue, findMissing: store.findMissing, deadLetters, logger });
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= sweep.close().then(() => closeRedis(redis));
    return closing;
  };
  stack.register(close);
  return { ...sweep, close };
}

async function failJobs(events: readonly EventJob[]) {
  await queue.addBulk(events.map((data) => ({ name: INGEST_EVENT_JOB, data })));
  await waitUntil(async () => (await queue.getFailedCount()) === events.length);
}

beforeEach(async () => {
  await DeadLetter.deleteMany();
  lines.length = 0;
});

test.each([1, 2])(
  'two processors that sweep at the same time write one dead letter per failed job, and one warning (round %i)',
  async () => {
    await failJobs(Array.from({ length: 50 }, () => createEvent()));

    const sweeps = [startSweep(), startSweep()];
    await waitUntil(async () => (await queue.getFailedCount()) === 0);
    await Promise.all(sweeps.map(({ close }) => close()));

    expect(await DeadLetter.countDocuments()).toBe(50);
    expect([lines.length, new Set(lines.map(({ job_id }) => job_id)).size]).toEqual([50, 50]);
  },
);

test('a job that cannot be moved is reported once and does not block others; it is moved when possible', async () => {
  const events = ['first', 'refused', 'last'].map((site_id) => createEvent({ site_id }));
  await DeadLetter.db.db?.command({ collMod: 'dead_letters', validator: { site_id: { $ne: 'refused' } } });
  for (const [index, event] of events.entries()) {
    await queue.add(INGEST_EVENT_JOB, event);
    await waitUntil(async () => (await queue.getFailedCount()) === index + 1);
  }

  const sweep = startSweep();
  await waitUntil(async () => (await DeadLetter.countDocuments()) === 2);
  await waitUntil(async () => (await queue.getFailedCount()) === 1);
  const later = createEvent({ site_id: 'later' });
  await queue.add(INGEST_EVENT_JOB, later);
  await waitUntil(async () => {
    sweep.request();
    return (await DeadLetter.countDocuments()) === 3;
  });
  await DeadLetter.db.db?.command({ collMod: 'dead_letters', validator: {} });
  await waitUntil(async () => {
    sweep.request();
    return (await queue.getFailedCount()) === 0;
  });

  expect((await DeadLetter.distinct('site_id')).sort()).toEqual(['first', 'last', 'later', 'refused']);
  expect(lines.filter(({ level }) => level === 'error')).toEqual([
    {
      level: 'error',
      job_id: expect.any(String),
      reason: 'MongoDB does not take a dead letter: error 121',
      text: 'cannot move a failed job to the dead letters; it stays in the queue',
    },
  ]);
  await sweep.close();
});
