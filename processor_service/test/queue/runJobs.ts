import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import type { EventJob } from '@analytics/shared/event/event';
import { createEventId } from '@analytics/shared/event/eventId';
import { eventJobOptions, INGEST_EVENT_JOB } from '@analytics/shared/event/eventQueue';
import { createEvent } from '../createEvent.ts';
import { openQueue, openStore, startConsumer } from '../events/startConsumer.ts';

/** An event of a new site. */
export const createSiteEvent = (change: Partial<EventJob> = {}): EventJob =>
  createEvent({
    site_id: createEventId(),
    path: '/pricing',
    user_id: 'user-xyz-789',
    timestamp: '2025-11-12T19:30:01.250+05:30',
    ...change,
  });

/** Starts a consumer for a test file that checks the results of its jobs. */
export async function startRunningJobs() {
  const stack = useTestStack();
  const queue = openQueue(stack);
  const { Event, DeadLetter, processJob } = await openStore(stack);
  startConsumer(stack, processJob);

  return {
    stack,
    queue,
    Event,
    processJob,
    findBySite: (site_id: string) => Event.collection.find({ site_id }).sort({ path: 1 }).toArray(),
    findDeadLetters: (job_id: string | undefined) =>
      DeadLetter.collection.find({ job_id: job_id ?? '' }).toArray(),
    /** Queues a job, waits until it is done, and resolves with it as it was queued. */
    runJob: async (data: unknown, name = INGEST_EVENT_JOB) => {
      const job = await queue.add(name, data, eventJobOptions);
      await waitUntil(async () => (await queue.getJob(job.id ?? '')) === undefined);
      const { name: jobName, data: jobData, timestamp } = job;
      const names = { id: job.id ?? '', name: jobName, queueQualifiedName: queue.qualifiedName };
      return { ...names, data: jobData, timestamp, attempts: 1, isLastAttempt: true };
    },
  };
}
