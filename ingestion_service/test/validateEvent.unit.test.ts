import { expect, test } from 'vitest';
import { createEventValidator } from '../src/utils/validateEvent.ts';

const now = () => Date.parse('2025-11-12T19:30:00Z');
const event = { site_id: 's', event_type: 'page_view', path: '/', timestamp: '' };

const maxFutureMs = 24 * 3_600_000;
const minTimestampMs = Date.parse('2000-01-01');
const tooLate = 'must not lie more than 24 hours in the future';
const tooEarly = 'must not lie before 2000-01-01';

const table: [timestamp: string, options: object, message?: string][] = [
  ['2025-11-13T19:30:00Z', {}],
  ['2025-11-13T19:30:00.001Z', {}, tooLate],
  ['2025-11-14T01:00:00+05:30', {}],
  ['20251114T010000.001+0530', {}, tooLate],
  ['2025-11-12T19:30:00Z', { maxFutureMs: 0 }],
  ['2025-11-12T19:30:00.001Z', { maxFutureMs: 0 }, 'must not lie more than 0 hours in the future'],
  ['2000-01-01T00:00:00Z', {}],
  ['1999-12-31T23:59:59.999Z', {}, tooEarly],
  ['2000-01-01T05:29:59+05:30', {}, tooEarly],
  ['20000101T052959+0530', {}, tooEarly],
  ['1971-01-01T00:00:00Z', { minTimestampMs: 0 }],
];

test.each(table)('%s with the limits %j: %s', (timestamp, options, message) => {
  const { validateEvent } = createEventValidator({ maxFutureMs, minTimestampMs, now, ...options });

  expect(validateEvent({ ...event, timestamp })).toEqual(
    message === undefined
      ? { ok: true, event: { ...event, timestamp } }
      : { ok: false, errors: [{ field: 'timestamp', message }] },
  );
});
