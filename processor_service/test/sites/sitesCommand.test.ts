import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { createConnection } from 'mongoose';
import { expect, test } from 'vitest';

const { MONGO_URI, register } = useTestStack();
const connection = await createConnection(MONGO_URI).asPromise();
register(() => connection.close());
register(() => connection.dropDatabase());

interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs the command from the build in a process of its own, without a terminal. */
function run(...args: string[]): Promise<Result> {
  const folder = join(import.meta.dirname, '../..');
  const command = ['dist/bin/sites.js', ...args];
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      command,
      { cwd: folder, env: { PATH: process.env['PATH'], MONGO_URI } },
      (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

test('the commands add, show, change and remove a site and its keys', { timeout: 60_000 }, async () => {
  expect((await run('list')).stdout).toMatch(/^There is no site\. Add one: /);
  expect((await run('add', 'a', '--name', 'My site', '--domain', 'Example.com')).stdout).toMatch(
    /site {5}a\nname {5}My site\ndomains {2}example\.com\naliases {2}none\nevents {3}kept for ever\n/,
  );
  await run('domain', 'add', 'a', '*.example.com');
  await run('alias', 'add', 'a', 'b');
  expect((await run('set', 'a', '--retention-days', '90')).stdout).toContain('events   kept for 90 days\n');

  const added = await run('key', 'add', '--kind', 'write', '--site', 'b', '--label', 'server');
  expect(added.stdout).toMatch(/^aw_[\w-]{43}\nKeep it: /);
  const [key = ''] = added.stdout.split('\n');

  const shown = JSON.parse((await run('show', 'b', '--json')).stdout);
  expect(shown).toMatchObject({
    id: 'a',
    name: 'My site',
    domains: ['example.com', '*.example.com'],
    aliases: ['b'],
    retention_days: 90,
    keys: [{ kind: 'write', site_id: 'a', label: 'server', last_used_at: null }],
  });
  expect((await run('show', 'a')).stdout).not.toContain(key);

  const asked = await run('key', 'revoke', shown.keys[0].id);
  expect([asked.code, asked.stdout]).toEqual([1, expect.stringContaining('Add --yes to do it.')]);
  expect((await run('key', 'revoke', shown.keys[0].id, '--yes')).stdout).toContain(
    'is refused within ten seconds',
  );

  expect((await run('remove', 'a', '--json')).code).toBe(1);
  expect(JSON.parse((await run('remove', 'a', '--json', '--yes')).stdout)).toEqual({ removed: 'a' });
  expect(JSON.parse((await run('key', 'list', '--json')).stdout)).toEqual([]);
});

test.each([
  [['show', 'missing'], 'There is no site missing. npm run sites -- list shows all.'],
  [['add'], 'The command needs a site. See npm run sites -- --help'],
  [['add', 'a', '--domain', 'https://example.com'], 'domains.0 must be a host without scheme, port and path'],
  [['key', 'add', '--kind', 'write', '--label', 'x'], 'site_id is required, except for an admin key'],
  [['key', 'add', '--kind', 'root', '--label', 'x'], 'kind must be one of write, read, share, admin'],
  [['set', 'a'], 'The command needs --name or --retention-days.'],
  [['key'], 'There is no command key. See npm run sites -- --help'],
  [['toString'], 'There is no command toString.'],
])('%j fails with one line that says what to do', async (args, message) => {
  const { code, stderr } = await run(...args);
  expect([code, stderr]).toEqual([1, expect.stringContaining(message)]);
  expect(stderr.trim().split('\n')).toHaveLength(1);
});

test('--help lists every command', async () => {
  const { code, stdout } = await run('--help');
  expect([code, stdout]).toEqual([0, expect.stringContaining('key revoke KEY')]);
});
