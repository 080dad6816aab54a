import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const fixture = join(import.meta.dirname, 'fixtures/shutdownProcess.ts');

async function start(mode: string) {
  const child = spawn(
    process.execPath,
    ['--conditions=@analytics/source', '--import', 'tsx', fixture, mode],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    output += chunk;
  });
  const exited = once(child, 'close');
  await once(child.stdout, 'data');
  return { child, exited, readMessages: () => readMessages(output) };
}

function readMessages(output: string): string[] {
  return output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).msg);
}

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s closes what was opened, last first, and exits with 0',
  async (signal) => {
    const { child, exited, readMessages } = await start('clean');

    child.kill(signal);

    expect(await exited).toEqual([0, null]);
    expect(readMessages()).toEqual([
      'ready',
      `stopping: ${signal}`,
      'closing second',
      'closing first',
      'stopped',
    ]);
  },
);

test('nothing closes before the end of the drain period, and the deadline begins there', async () => {
  const { child, exited, readMessages } = await start('draining');
  const startedAt = performance.now();

  child.kill('SIGTERM');

  expect(await exited).toEqual([0, null]);
  expect(performance.now() - startedAt).toBeGreaterThan(500);
  expect(readMessages().slice(1)).toEqual([
    'stopping: SIGTERM',
    'closing second, down',
    'closing first',
    'stopped',
  ]);
});

test('a failed closing is logged, the others still run, and the exit code is 1', async () => {
  const { child, exited, readMessages } = await start('failing');

  child.kill('SIGTERM');

  expect(await exited).toEqual([1, null]);
  expect(readMessages()).toEqual([
    'ready',
    'stopping: SIGTERM',
    'could not close second',
    'closing first',
    'stopped',
  ]);
});

test('a resource that is opened during the closing is closed next, and the signal has aborted by then', async () => {
  const { child, exited, readMessages } = await start('opening');

  child.kill('SIGTERM');

  expect(await exited).toEqual([0, null]);
  expect(readMessages().slice(2)).toEqual([
    'closing second, aborted',
    'closing third',
    'closing first',
    'stopped',
  ]);
});

test('a closing that hangs ends at the deadline with exit code 1', async () => {
  const { child, exited, readMessages } = await start('hanging');

  child.kill('SIGTERM');

  expect(await exited).toEqual([1, null]);
  expect(readMessages()).toEqual(['ready', 'stopping: SIGTERM', 'not stopped within 300 ms: ending now']);
});

test('a signal that arrives twice within a moment counts once', async () => {
  const { child, exited, readMessages } = await start('clean');

  child.kill('SIGINT');
  child.kill('SIGTERM');

  expect(await exited).toEqual([0, null]);
  expect(readMessages().at(-1)).toBe('stopped');
});

test('a second signal exits immediately', async () => {
  const { child, exited, readMessages } = await start('patient');

  child.kill('SIGTERM');
  // Somebody without patience: the signals of the first half second are taken for the first one.
  const pressing = setInterval(() => child.kill('SIGINT'), 50);

  expect(await exited).toEqual([1, null]);
  clearInterval(pressing);
  expect(readMessages().at(-1)).toBe('SIGINT while stopping: ending at once');
});
