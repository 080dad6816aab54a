import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort, requireFreePort } from '@analytics/local-stack/freePort';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { closeServer } from '@analytics/shared/http/closeServer';
import { listen } from '@analytics/shared/http/httpServer';
import { expect, test } from 'vitest';

const stack = useTestStack();
const rootFolder = join(import.meta.dirname, '..');
const dataFolder = await mkdtemp(join(tmpdir(), 'npm-start-'));
stack.register(() => rm(dataFolder, { recursive: true }));
const ports = {
  INGESTION_PORT: await findFreePort(),
  REPORTING_PORT: await findFreePort(),
  PROCESSOR_PORT: await findFreePort(),
};

/** Runs `npm start` as a terminal does: in a process group of its own, which a Ctrl-C reaches as a whole. */
function npmStart(args: string[] = [], ownSettings: Record<string, string> = {}) {
  const { register, ...stackSettings } = stack;
  const settings = { ...stackSettings, ...ports, DATA_FOLDER: dataFolder, ...ownSettings };
  const child = spawn('npm', ['start', '--', ...args], {
    cwd: rootFolder,
    detached: true,
    env: { ...process.env, ...toText(settings) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk) => {
      output += chunk;
    });
  }
  const exited = once(child, 'close') as Promise<[number | null]>;
  register(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      pressCtrlC(child);
      await exited;
    }
  });
  return { child, exited, readOutput: () => output };
}

function pressCtrlC({ pid }: ChildProcess): void {
  process.kill(-(pid as number), 'SIGINT');
}

function toText(settings: Record<string, string | number>): Record<string, string> {
  return Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, String(value)]));
}

/** Fails if a service still listens. */
async function expectNothingLeft(): Promise<void> {
  for (const [setting, port] of Object.entries(ports)) {
    await requireFreePort(port, setting);
  }
}

/** Takes a curl command off the screen and runs it. */
function runFromScreen(output: string, start: string): string {
  const from = output.indexOf(start);
  const command = output.slice(from, output.indexOf('\n\n', from));
  return execFileSync('sh', ['-c', command.replace('curl', 'curl -sS')], { encoding: 'utf8' });
}

test('the addresses that npm start prints work, the data is kept, and Ctrl-C stops everything cleanly', {
  timeout: 60_000,
}, async () => {
  const first = npmStart();
  await waitUntil(first.readOutput, (output) => output.includes('Ctrl-C stops everything.'), 30_000);
  const posted = runFromScreen(first.readOutput(), 'curl -X POST');
  const stats = await waitUntil(
    () => runFromScreen(first.readOutput(), "curl 'http"),
    (answer) => answer.includes('"total_views":1'),
  );
  // Another address of this machine, where it has more than one; no service answers there.
  const elsewhere = Object.values(ports).map((port) => fetch(`http://127.0.0.2:${port}/livez`));
  const reached = (await Promise.allSettled(elsewhere)).map(({ status }) => status);
  pressCtrlC(first.child);
  const stoppedAt = Date.now();
  const [firstCode] = await first.exited;
  const stopTookMs = Date.now() - stoppedAt;

  // The start needs no line of a service's log.
  const second = npmStart([], { LOG_LEVEL: 'warn' });
  await waitUntil(second.readOutput, (output) => output.includes('Ctrl-C stops everything.'), 30_000);
  const statsAgain = runFromScreen(second.readOutput(), "curl 'http");
  pressCtrlC(second.child);
  const [secondCode] = await second.exited;

  expect(posted).toBe('{"success":true}');
  expect(reached).toEqual(['rejected', 'rejected', 'rejected']);
  expect(JSON.parse(stats)).toEqual({
    site_id: 'my-site',
    date: '2025-11-12',
    total_views: 1,
    unique_users: 1,
    top_paths: [{ path: '/pricing', views: 1 }],
  });
  expect(statsAgain).toBe(stats);
  expect([firstCode, secondCode]).toEqual([0, 0]);
  expect(stopTookMs).toBeLessThan(10_000);
  await expectNothingLeft();
});

test('npm start stops cleanly if only npm receives the signal, as from a supervisor', async () => {
  const { child, exited, readOutput } = npmStart();
  await waitUntil(readOutput, (output) => output.includes('Ctrl-C stops everything.'));

  child.kill('SIGTERM');
  await exited;

  expect(readOutput().trim().split('\n').slice(-2)).toEqual(['Stopping …', 'Stopped.']);
  await expectNothingLeft();
});

test('a port in use is reported in one sentence, with exit code 1 and nothing left running', async () => {
  const other = createServer();
  await listen(other, ports.REPORTING_PORT);

  const { exited, readOutput } = npmStart();
  const [code] = await exited;
  await closeServer(other);

  expect(code).toBe(1);
  expect(readOutput()).toContain(
    `Port ${ports.REPORTING_PORT} is in use by another program: stop that, or set REPORTING_PORT to a free port.`,
  );
  await expectNothingLeft();
});

test('npm start -- --help prints the help and starts nothing', async () => {
  const { exited, readOutput } = npmStart(['--help']);

  expect((await exited)[0]).toBe(0);
  expect(readOutput()).toContain('npm start: the whole system, until Ctrl-C.');
});
