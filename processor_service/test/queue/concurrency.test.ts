import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { INGEST_EVENT_JOB } from '@analytics/shared/event/eventQueue';
import { expect, test } from 'vitest';
import { openQueue, startConsumer } from '../events/startConsumer.ts';

const stack = useTestStack();
const queue = openQueue(stack);

test('WORKER_CONCURRENCY jobs run at the same time, and no more', async () => {
  const running: (() => void)[] = [];
  let finished = 0;
  await Promise.all(Array.from({ length: 12 }, () => queue.add(INGEST_EVENT_JOB, {})));

  startConsumer(
    stack,
    async () => {
      await new Promise<void>((resolve) => running.push(resolve));
      finished += 1;
      return { events: 0, stored: 0, duplicates: 0, dead_letters: 0 };
    },
    { concurrency: 4 },
  );

  for (let round = 0; round < 3; round += 1) {
    await waitUntil(() => running.length === 4);
    await waitUntil(async () => (await queue.getActiveCount()) === 4);
    expect(running.length).toBe(4);
    for (const finish of running.splice(0)) {
      finish();
    }
  }
  await waitUntil(() => finished === 12);
});
