import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { createMongoConnection } from '@analytics/shared/mongo/mongo';
import { createLogger, type Logger } from '@analytics/shared/service/logger';
import { expect, test } from 'vitest';
import { createReportDatabase, type ReportDatabaseOptions } from '../../src/database/reportDatabase.ts';
import { createEventModel } from '../../src/models/Event.model.ts';

const stack = useTestStack();
const connection = createMongoConnection();
stack.register(() => connection.close());
const Event = createEventModel(connection);
await connection.openUri(stack.MONGO_URI);

const mongoWatch: ReportDatabaseOptions['mongoWatch'] = { isUp: true, whileUp: (work) => work() };

test('a short check that succeeds does not log a recovery', async () => {
  const lines: string[] = [];
  const logger = {
    warn: (line: string) => lines.push(line),
    info: (_details: object, line: string) => lines.push(line),
  } as unknown as Logger;
  const { check, run } = createReportDatabase(Event, {
    timeoutMs: 5000,
    maxConcurrent: 1,
    mongoWatch,
    logger,
    now: Date.now,
  });
  const reading = { site_id: 'a', signal: new AbortController().signal };
  const fail = () => run(reading, () => Promise.reject(new Error('too slow'))).catch(() => {});

  await fail();
  await check('a', async () => true);
  await fail();
  await run(reading, async () => true);

  expect(lines).toEqual(['a report failed: too slow', 'reports work again']);
});

test('many commands of one report cause no warning of Node, which would not be a log line', async () => {
  const { run } = createReportDatabase(Event, {
    timeoutMs: 5000,
    maxConcurrent: 1,
    mongoWatch,
    logger: createLogger({ name: 'reporting_service', level: 'silent', isPretty: false }),
    now: Date.now,
  });
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on('warning', note);

  await run({ site_id: 'a', signal: new AbortController().signal }, async ({ aggregate }) => {
    await Promise.all(Array.from({ length: 20 }, () => aggregate([{ $limit: 1 }])));
    await new Promise(setImmediate);
  });

  process.off('warning', note);
  expect(warnings).toEqual([]);
});

test('a report that gets no permit before its deadline is refused then, and takes no permit afterwards', async () => {
  const { inTime, run } = createReportDatabase(Event, {
    timeoutMs: 200,
    maxConcurrent: 1,
    mongoWatch,
    logger: createLogger({ name: 'reporting_service', level: 'silent', isPretty: false }),
    now: Date.now,
  });
  const { signal } = new AbortController();
  const reading = { site_id: 'a', signal };
  let finish = () => {};
  const first = run(reading, () => new Promise<string>((resolve) => (finish = () => resolve('first'))));
  const waiting = inTime({ signal, startedMs: performance.now() }, (limited) =>
    run({ site_id: 'a', signal: limited }, async () => 'waiting'),
  );

  // The work of the first one ignores that its time is over as well, and keeps its permit until it stops.
  const refused = {
    status: 'rejected',
    reason: { status: 503, message: expect.stringContaining('in time') },
  };
  expect(await Promise.allSettled([first, waiting])).toMatchObject([refused, refused]);
  let isBegun = false;
  const next = run(reading, async () => {
    isBegun = true;
    return 'next';
  });
  expect(isBegun).toBe(false);
  finish();

  expect(await next).toBe('next');
});
