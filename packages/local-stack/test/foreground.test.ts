import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { expect, onTestFinished, test } from 'vitest';
import { isAlive } from './nodeServer.ts';

const LIVES_ON = 'setInterval(() => {}, 1000); console.log("ready");';
const STOPS = `process.on("SIGTERM", () => { console.log("bye"); process.exit(0) }); ${LIVES_ON}`;
const STOPS_SLOWLY = `process.on("SIGTERM", () => setTimeout(() => process.exit(0), 300)); ${LIVES_ON}`;
const STAYS = `process.on("SIGTERM", () => console.log("no")); ${LIVES_ON}`;

/** Runs two servers in the foreground of a process of its own. */
async function runServers(code: string) {
  const fixture = join(import.meta.dirname, 'fixtures', 'foreground.ts');
  const args = ['--import', 'tsx', '--conditions', '@analytics/source', fixture, code];
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const closed = once(child, 'close');
  const readPid = (name: string) => Number(new RegExp(`${name} is (\\d+)`).exec(output)?.[1]);
  return { child, closed, readOutput: () => output, readPid };
}

async function runBoth(code: string) {
  const running = await runServers(code);
  const [first, second] = await waitUntil(
    () => [running.readPid('first'), running.readPid('second')] as const,
    (pids) => pids.every(Number.isInteger),
  );
  return { ...running, first, second };
}

test('stops its servers on Ctrl-C, in reverse order of their start, and exits with 0', async () => {
  const { child, closed, readOutput } = await runBoth(STOPS);
  child.kill('SIGINT');
  expect(await closed).toEqual([0, null]);
  expect(readOutput()).toMatch(/Stopping …\nsecond says bye\nfirst says bye\nStopped\.\n$/);
});

test('treats a Ctrl-C from the terminal and the copy that npm forwards as one', async () => {
  const { child, closed, readOutput } = await runBoth(STOPS_SLOWLY);
  child.kill('SIGINT');
  await waitUntil(() => readOutput().includes('Stopping'));
  child.kill('SIGINT');
  expect(await closed).toEqual([0, null]);
  expect(readOutput()).toMatch(/Stopped\.\n$/);
});

test('kills the servers and exits with 1 on a second Ctrl-C', async () => {
  const { child, closed, readOutput, first, second } = await runBoth(STAYS);
  const sentMs = performance.now();
  child.kill('SIGINT');
  await waitUntil(() => readOutput().includes('second says no') && performance.now() - sentMs > 600);
  child.kill('SIGINT');
  expect(await closed).toEqual([1, null]);
  expect([isAlive(first), isAlive(second)]).toEqual([false, false]);
});

test('names a server that exited by itself, stops the others and exits with 1', async () => {
  const { closed, readOutput, second } = await runBoth(STOPS);
  process.kill(second, 'SIGKILL');
  expect(await closed).toEqual([1, null]);
  expect(readOutput()).toContain('second ended by itself, signal SIGKILL. Stopping everything else.\n');
  expect(readOutput()).toMatch(/first says bye\nStopped\.\n$/);
});

test('prints the reason for a failed start and exits with 1', async () => {
  const { closed, readOutput } = await runServers('throw new Error("no room")');
  expect(await closed).toEqual([1, null]);
  expect(readOutput()).toMatch(
    /^first says [\s\S]*\nfirst ended while starting, exit code 1: Error: no room\n$/,
  );
});

test('can be stopped during the start, and leaves nothing behind', async () => {
  const { child, closed, readOutput } = await runServers(
    'console.log("pid " + process.pid); setInterval(() => {}, 1000)',
  );
  const pid = await waitUntil(() => Number(/pid (\d+)/.exec(readOutput())?.[1]));
  child.kill('SIGTERM');
  expect(await closed).toEqual([0, null]);
  expect(isAlive(pid)).toBe(false);
});
