import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EVENT_FIELD_NAMES, EVENT_FIELDS } from '../../src/event/eventFields.ts';

/** The rules of the fields in docs/events.md, by field. */
function readRules(): [name: string, rule: string][] {
  const page = readFileSync(join(import.meta.dirname, '../../../../docs/events.md'), 'utf8');
  const table = page.slice(page.indexOf('| field | rule |'), page.indexOf('Text is valid Unicode'));
  return [...table.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)].map(([, name = '', rule = '']) => [name, rule]);
}

test('docs/events.md has a row for every field of an event, in their order', () => {
  expect(readRules().map(([name]) => name)).toEqual(EVENT_FIELD_NAMES);
});

test('docs/events.md has the rule of each field in the words of its schema', () => {
  const described = EVENT_FIELD_NAMES.map((name) => {
    const { description = '' } = EVENT_FIELDS[name].input;
    return [name, `${description.charAt(0).toLowerCase()}${description.slice(1).replace(/\.$/, '')}`];
  });
  const written = readRules().map(([name, rule]) => {
    const words = rule.replace(/ \(\[below\]\(#[^)]*\)\)/, '').replace(/^optional: /, '');
    return [name, `${words.charAt(0).toLowerCase()}${words.slice(1)}`];
  });

  expect(written).toEqual(described);
});
