import { once } from 'node:events';
import { connect } from 'node:net';
import { Worker } from 'node:worker_threads';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { expect, onTestFinished, test } from 'vitest';
import { createDependencyWatch } from '../../src/service/dependencyWatch.ts';

/** A dependency that a test switches between answering, failing and being silent. */
function createDependency() {
  let mode: 'answers' | 'fails' | 'is silent' = 'answers';
  const lines: string[] = [];
  const logger = {
    warn: (line: string) => lines.push(line),
    info: (_fields: object, line: string) => lines.push(line),
  };
  const watch = createDependencyWatch({
    dependency: 'Redis',
    probe: () => {
      if (mode === 'fails') {
        return Promise.reject(new Error('refused'));
      }
      return mode === 'answers' ? Promise.resolve() : new Promise(() => {});
    },
    logger: logger as never,
    intervalMs: 5,
    timeoutMs: 50,
  });
  onTestFinished(() => watch.stop());
  const become = (next: typeof mode) => {
    mode = next;
  };
  return { watch, lines, become };
}

test('a dependency is down until its first answer, and is reported as such', () => {
  const { watch } = createDependency();

  expect([watch.isUp, watch.health]).toEqual([false, { status: 'down', reason: 'not reached yet' }]);
});

test('a dependency is down while it fails or does not answer; each outage is logged once', async () => {
  const { watch, lines, become } = createDependency();
  await waitUntil(() => watch.isUp);

  become('fails');
  await waitUntil(() => !watch.isUp);
  expect(watch.health).toEqual({ status: 'down', reason: 'refused' });
  become('answers');
  await waitUntil(() => watch.isUp);
  become('is silent');
  await waitUntil(() => !watch.isUp);
  expect(watch.health).toEqual({ status: 'down', reason: 'no answer within 50 ms' });
  become('answers');
  await waitUntil(() => watch.isUp);

  expect(lines).toEqual([
    'Redis is away: refused',
    'Redis answers again',
    'Redis is away: no answer within 50 ms',
    'Redis answers again',
  ]);
});

test('work on a dependency is cancelled immediately when it goes down', async () => {
  const { watch, become } = createDependency();
  await waitUntil(() => watch.isUp);

  const work = watch.whileUp(() => new Promise(() => {}));
  become('fails');

  await expect(work).rejects.toThrow('refused');
});

test('work on a dependency that is down is not started', async () => {
  const { watch, become } = createDependency();
  become('fails');
  await waitUntil(() => watch.health.reason === 'refused');
  let isBegun = false;

  const work = watch.whileUp(async () => {
    isBegun = true;
  });

  await expect(work).rejects.toThrow('refused');
  expect(isBegun).toBe(false);
});

test('work that is done resolves with its result', async () => {
  const { watch } = createDependency();
  await waitUntil(() => watch.isUp);

  expect(await watch.whileUp(async () => 42)).toBe(42);
});

/** Answers each byte after 20 ms, whatever the thread of the test does meanwhile. */
const ECHO_SERVER = `
  const { createServer } = require('node:net');
  const { parentPort } = require('node:worker_threads');
  const server = createServer((socket) => {
    socket.on('data', (data) => setTimeout(() => socket.write(data), 20));
    // The test ends while an answer is on its way.
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

test('an answer that arrives while the process is busy counts', async () => {
  const server = new Worker(ECHO_SERVER, { eval: true });
  onTestFinished(async () => {
    await server.terminate();
  });
  const [port] = await once(server, 'message');
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, 'connect');
  const lines: string[] = [];
  let probes = 0;
  const watch = createDependencyWatch({
    dependency: 'Redis',
    probe: async () => {
      probes += 1;
      socket.write('?');
      setImmediate(() => {
        const endMs = performance.now() + 500;
        while (performance.now() < endMs) {
          // The event loop does not turn.
        }
      });
      await once(socket, 'data');
    },
    logger: { warn: (line: string) => lines.push(line), info: () => {} } as never,
    intervalMs: 5,
    timeoutMs: 400,
  });
  onTestFinished(() => watch.stop());

  await waitUntil(() => probes > 2);

  expect([watch.isUp, lines]).toEqual([true, []]);
});
