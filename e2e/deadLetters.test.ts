import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { expect, test } from 'vitest';

const { register: _, ...settings } = useTestStack();

async function run(...args: string[]) {
  const env = {
    ...process.env,
    ...Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, String(value)])),
  };
  return promisify(execFile)('npm', ['run', '--silent', 'dead-letters', '--', ...args], {
    cwd: join(import.meta.dirname, '..'),
    env,
  }).catch((error: { code: number; stdout: string; stderr: string }) => error);
}

test('npm run dead-letters speaks to the Redis and the MongoDB of the settings', async () => {
  expect(await run('list')).toMatchObject({ stdout: '0 dead letters in all.\n' });
  expect(await run('replay', '--yes')).toMatchObject({ stdout: 'No dead letter matches.\n' });
});

test.each([
  [['--help'], undefined, /replay {4}puts letters back/],
  [[], 1, /npm run dead-letters -- <command>/],
  [['lst'], 1, /There is no command lst/],
  [['list', '--since', 'yesterday'], 1, /yesterday is not a time/],
  [['list', '--until', '12 November 2025'], 1, /12 November 2025 is not a time/],
  [['list', '--limit', '0'], 1, /--limit 0 is not a whole number/],
  [['list', '--sites', 'a'], 1, /Unknown option '--sites'/],
])('npm run dead-letters -- %j ends with %s and says what to do', async (args, code, text) => {
  const { stdout, stderr, ...result } = await run(...args);

  expect('code' in result ? result.code : undefined).toBe(code);
  expect(stdout + stderr).toMatch(text);
});
