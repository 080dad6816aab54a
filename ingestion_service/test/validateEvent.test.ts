import { expect, test } from 'vitest';
import { createEventValidator } from '../src/utils/validateEvent.ts';

const now = () => Date.parse('2025-11-12T19:30:00Z');
const event = { site_id: 's', event_type: 'page_view', path: '/', timestamp: '' };

const table: [timestamp: string, maxFutureHours: number, isAccepted: boolean][] = [
  ['2025-11-13T19:30:00Z', 24, true],
  ['2025-11-13T19:30:00.001Z', 24, false],
  ['2025-11-14T01:00:00+05:30', 24, true],
  ['2025-11-14T01:00:00.001+05:30', 24, false],
  ['2025-11-12T19:30:00Z', 0, true],
  ['2025-11-12T19:30:00.001Z', 0, false],
  ['1970-01-01T00:00:00Z', 0, true],
];

test.each(table)('%s with %i hours of grace is accepted: %s', (timestamp, maxFutureHours, isAccepted) => {
  const { validateEvent } = createEventValidator({ maxFutureMs: maxFutureHours * 3_600_000, now });

  expect(validateEvent({ ...event, timestamp })).toEqual(
    isAccepted
      ? { ok: true, event: { ...event, timestamp } }
      : {
          ok: false,
          errors: [
            { field: 'timestamp', message: `must not lie more than ${maxFutureHours} hours in the future` },
          ],
        },
  );
});
