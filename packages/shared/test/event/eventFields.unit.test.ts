import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EVENT_FIELD_NAMES } from '../../src/event/eventFields.ts';

test('docs/events.md has a row for every field of an event, in their order', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../../docs/events.md'), 'utf8');
  const table = page.slice(page.indexOf('| field | rule |'), page.indexOf('Text is valid Unicode'));
  const rows = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);

  expect(rows).toEqual(EVENT_FIELD_NAMES);
});
