import { expect, test } from 'vitest';
import { replaceSection } from '../src/resultsFile.ts';

const INTRODUCTION = '# Results\n\nHow to read them.';
const drain = replaceSection(`${INTRODUCTION}\n`, 'drain', 'drain of Monday');

test('a new section follows the introduction', () => {
  expect(drain).toBe(`${INTRODUCTION}\n\n## drain\n\ndrain of Monday\n`);
});

test('sections are in the order of the parts', () => {
  const both = replaceSection(drain, 'ingest', 'ingest of Tuesday\n\n| a |\n');
  expect(both).toBe(
    `${INTRODUCTION}\n\n## ingest\n\ningest of Tuesday\n\n| a |\n\n## drain\n\ndrain of Monday\n`,
  );
});

test('a new run replaces its own section and keeps the others', () => {
  const both = replaceSection(drain, 'ingest', 'ingest of Tuesday');
  expect(replaceSection(both, 'drain', 'drain of Friday')).toBe(both.replace('Monday', 'Friday'));
});
