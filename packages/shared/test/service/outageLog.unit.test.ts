import { expect, test } from 'vitest';
import { createOutageLog } from '../../src/service/outageLog.ts';

function createRecorder() {
  const lines: unknown[] = [];
  let nowMs = 0;
  const logger = {
    warn: (message: unknown) => void lines.push(message),
    info: (fields: unknown, message: unknown) => void lines.push([fields, message]),
  };
  const outageLog = createOutageLog(
    { began: 'Redis is away', ended: 'Redis answers again' },
    logger as never,
    () => nowMs,
  );
  return { lines, outageLog, advance: (ms: number) => (nowMs += ms) };
}

test('an outage is logged at its begin, once for each reason, and at its end', () => {
  const { lines, outageLog, advance } = createRecorder();

  for (let attempt = 0; attempt < 1000; attempt += 1) {
    outageLog.failed(new Error('connection refused'));
  }
  advance(5000);
  outageLog.failed(new Error('loading'));
  outageLog.failed(new Error('connection refused'));
  outageLog.recovered();
  outageLog.recovered();

  expect(lines).toEqual([
    'Redis is away: connection refused',
    'Redis is away: loading',
    [{ failures: 1002, away_ms: 5000 }, 'Redis answers again'],
  ]);
});

test('the reason of an AggregateError is that of its first error', () => {
  const { lines, outageLog } = createRecorder();

  outageLog.failed(new AggregateError([new Error('connect ECONNREFUSED 127.0.0.1:6379')]));

  expect(lines).toEqual(['Redis is away: connect ECONNREFUSED 127.0.0.1:6379']);
});
