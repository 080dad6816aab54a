import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readNodeArgs } from '@analytics/local-stack/nodeArgs';
import { findRootFolder } from '@analytics/local-stack/rootFolder';
import { expect, test } from 'vitest';

const rootFolder = findRootFolder();

test('a service is started with the V8 flags of its start script, by the full path of its program', () => {
  const folder = join(rootFolder, 'processor_service');

  expect(readNodeArgs(folder, 'start')).toEqual([
    '--always-sparkplug',
    '--incremental-marking-soft-trigger=25',
    join(folder, 'dist/worker.js'),
  ]);
});

test('a script that does not run node is refused', () => {
  expect(() => readNodeArgs(join(rootFolder, 'processor_service'), 'build')).toThrow(
    /^The script "build" of .*package\.json is not "node \[flags\] <program>"\.$/,
  );
});

test.each(['ingestion_service', 'processor_service', 'reporting_service'])(
  '%s has the same V8 flags in development and in production',
  (name) => {
    const folder = join(rootFolder, name);
    const { scripts } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const flags = readNodeArgs(folder, 'start').slice(0, -1);

    expect(scripts.dev).toContain(['tsx watch', ...flags, '--conditions'].join(' '));
  },
);
