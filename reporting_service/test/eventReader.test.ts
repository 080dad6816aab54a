import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { createLogger } from '@analytics/shared/logger';
import { createMongoConnection } from '@analytics/shared/mongo';
import { expect, test } from 'vitest';
import { createEventReader } from '../src/eventReader.ts';
import { createEventModel } from '../src/models/Event.model.ts';

const stack = useTestStack();
const connection = createMongoConnection();
stack.register(() => connection.close());
const Event = createEventModel(connection);
await connection.openUri(stack.MONGO_URI);

test('a report that has waited for others for all of its time is refused', async () => {
  const timeoutMs = 200;
  const { read } = createEventReader(Event, {
    timeoutMs,
    maxConcurrent: 1,
    mongoWatch: { isUp: true, whileUp: (work) => work() },
    logger: createLogger({ name: 'reporting_service', level: 'silent', isPretty: false }),
  });
  let finish = () => {};
  const first = read(() => new Promise<string>((resolve) => (finish = () => resolve('first'))));
  const waiting = read(async () => 'waiting');
  const afterMs = performance.now() + timeoutMs;

  await waitUntil(() => performance.now() > afterMs);
  finish();

  expect(await first).toBe('first');
  await expect(waiting).rejects.toMatchObject({ status: 503, message: expect.stringContaining('wait') });
  expect(await read(async () => 'next')).toBe('next');
});
