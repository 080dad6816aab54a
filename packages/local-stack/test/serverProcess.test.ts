import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freezeProcess } from '@analytics/local-stack/testing/freezeProcess';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { expect, test } from 'vitest';
import { isAlive, startNodeServer } from './nodeServer.ts';
import { makeTemporaryFolder } from './temporaryFolder.ts';

const LIVES_ON = 'setInterval(() => {}, 1000);';
const IS_READY = 'console.log("ready");';

test('reports the exit code and the last error of a server that does not start', async () => {
  await expect(startNodeServer('throw new Error("no room for the data")')).rejects.toThrow(
    'The server ended while starting, exit code 1: Error: no room for the data',
  );
});

test('ends a server that is not ready in time, and shows its last output', async () => {
  const start = startNodeServer(`console.error(process.pid); ${LIVES_ON}`, { readyTimeoutMs: 500 });
  const error: Error = await start.then(
    () => Promise.reject(new Error('it started')),
    (reason) => reason,
  );
  expect(error.message).toMatch(/^The server was not ready within 0\.5 s; its last output: \d+$/);
  expect(isAlive(Number(error.message.split(' ').at(-1)))).toBe(false);
});

test('reports a missing program', async () => {
  await expect(startNodeServer('', { program: '/nowhere/to/be/found' })).rejects.toThrow(
    "The server can't be started: spawn /nowhere/to/be/found ENOENT",
  );
});

test('stops a server whose start is cancelled', async () => {
  const giveUp = new AbortController();
  let pid = 0;
  const start = startNodeServer(`console.log(process.pid); ${LIVES_ON}`, {
    signal: giveUp.signal,
    onLine: (line) => {
      pid = Number(line);
      giveUp.abort(new Error('given up'));
    },
  });
  await expect(start).rejects.toThrow('given up');
  expect(isAlive(pid)).toBe(false);
});

test('sends SIGTERM once, however often stop is called', async () => {
  const server = await startNodeServer(
    `process.on("SIGTERM", () => { console.log("bye"); process.exit(7) }); ${IS_READY} ${LIVES_ON}`,
  );
  await Promise.all([server.stop(), server.stop()]);
  await server.stop();
  expect(isAlive(server.pid)).toBe(false);
  expect(await server.exited).toEqual({ description: 'exit code 7: bye', wasAsked: true });
});

test('kills a server that ignores SIGTERM', async () => {
  const server = await startNodeServer(`process.on("SIGTERM", () => {}); ${IS_READY} ${LIVES_ON}`);
  await server.stop(200);
  expect(await server.exited).toEqual({ description: 'signal SIGKILL', wasAsked: true });
});

test('stops a frozen server by SIGTERM', async () => {
  const server = await startNodeServer(
    `process.on("SIGTERM", () => process.exit(0)); ${IS_READY} ${LIVES_ON}`,
  );
  await freezeProcess(server.pid);
  await server.stop();
  expect((await server.exited).description).toBe('exit code 0: ready');
});

test('reports a server that exits by itself', async () => {
  const server = await startNodeServer(`${IS_READY} setTimeout(() => process.exit(3), 100)`);
  expect(await server.exited).toEqual({ description: 'exit code 3: ready', wasAsked: false });
});

test('gives a server its own process group, which Ctrl-C does not reach', async () => {
  const server = await startNodeServer(`${IS_READY} ${LIVES_ON}`);
  expect(() => process.kill(-server.pid, 0)).not.toThrow();
});

test('appends the output of a server to its log', async () => {
  const logFile = join(await makeTemporaryFolder(), 'logs', 'server.log');
  for (const _ of [1, 2]) {
    const server = await startNodeServer(`console.error("a word"); ${IS_READY} ${LIVES_ON}`, { logFile });
    await server.stop();
  }
  const log = await waitUntil(
    () => readFile(logFile, 'utf8'),
    (text) => text.split('\n').length === 5,
  );
  expect(log.split('\n').sort()).toEqual(['', 'a word', 'a word', 'ready', 'ready']);
});

test('ends a server when the process that started it is killed', async () => {
  const fixture = join(import.meta.dirname, 'fixtures', 'guardedServer.ts');
  const parent = spawn(process.execPath, ['--import', 'tsx', '--conditions', '@analytics/source', fixture], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const pid = Number(await once(parent.stdout, 'data'));
  expect(isAlive(pid)).toBe(true);
  parent.kill('SIGKILL');
  await waitUntil(() => !isAlive(pid));
});
