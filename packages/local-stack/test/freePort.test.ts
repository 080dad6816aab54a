import { once } from 'node:events';
import { createServer } from 'node:net';
import { findFreePort, requireFreePort, startOnPort } from '@analytics/local-stack/freePort';
import { expect, onTestFinished, test } from 'vitest';
import { startNodeServer } from './nodeServer.ts';

const LISTEN = 'require("net").createServer().listen(PORT, "127.0.0.1", () => console.log("ready"))';

async function occupyPort(): Promise<number> {
  const port = await findFreePort();
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return port;
}

function listenOn(port: number) {
  return startNodeServer(LISTEN.replace('PORT', String(port)), { port });
}

test('finds a port that is free, outside the range of outgoing connections', async () => {
  const port = await findFreePort();
  expect(port).toBeGreaterThanOrEqual(20_000);
  expect(port).toBeLessThan(32_000);
  await expect(requireFreePort(port, 'SOME_PORT')).resolves.toBeUndefined();
});

test('names the port and the setting if the port is in use', async () => {
  const port = await occupyPort();
  await expect(requireFreePort(port, 'SOME_PORT')).rejects.toThrow(
    `Port ${port} is in use by another program: stop that, or set SOME_PORT to a free port.`,
  );
});

test('tries another port if another program takes the first one', async () => {
  const taken = await occupyPort();
  const tried: number[] = [];
  const server = await startOnPort(0, (port) => {
    tried.push(port);
    return listenOn(tried.length === 1 ? taken : port);
  });
  expect(tried).toHaveLength(2);
  expect(server.port).toBe(tried[1]);
});

test('does not try another port if the caller named one or the failure has another cause', async () => {
  const taken = await occupyPort();
  await expect(startOnPort(taken, listenOn)).rejects.toThrow('EADDRINUSE');
  let tries = 0;
  const failing = startOnPort(0, () => {
    tries += 1;
    return startNodeServer('throw new Error("no room")');
  });
  await expect(failing).rejects.toThrow('no room');
  expect(tries).toBe(1);
});
