import { expect, test } from 'vitest';
import { replaceSection } from '../src/resultsFile.ts';

const drain = replaceSection('', 'drain', 'drain of Monday');

test('a new file says how to reproduce it', () => {
  expect(drain).toContain('npm run bench');
  expect(drain.endsWith('## drain\n\ndrain of Monday\n')).toBe(true);
});

test('sections stand in the order of the parts, whichever ran first', () => {
  const both = replaceSection(drain, 'ingest', 'ingest of Tuesday\n\n| a |\n');
  expect(both.endsWith('## ingest\n\ningest of Tuesday\n\n| a |\n\n## drain\n\ndrain of Monday\n')).toBe(
    true,
  );
});

test('the newest run replaces its own section and leaves the others', () => {
  const both = replaceSection(drain, 'ingest', 'ingest of Tuesday');
  const expected = replaceSection(
    replaceSection('', 'drain', 'drain of Friday'),
    'ingest',
    'ingest of Tuesday',
  );
  expect(replaceSection(both, 'drain', 'drain of Friday')).toBe(expected);
});
