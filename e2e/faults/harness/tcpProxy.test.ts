import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { afterAll, expect, test } from 'vitest';
import { startTcpProxy } from './tcpProxy.ts';

const heard: string[] = [];
const server = createServer((socket) => {
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    heard.push(String(chunk));
    socket.write(`echo ${chunk}`);
  });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const proxy = await startTcpProxy((server.address() as AddressInfo).port);
afterAll(async () => {
  await proxy.close();
  server.close();
});

async function open(): Promise<{ socket: Socket; replies: string[] }> {
  const socket = connect(proxy.port, '127.0.0.1');
  const replies: string[] = [];
  socket.on('data', (chunk) => replies.push(String(chunk)));
  await once(socket, 'connect');
  return { socket, replies };
}

test('swallowed replies never arrive, though the requests do; a connection after the recovery works', async () => {
  const { socket, replies } = await open();
  socket.write('one');
  await waitUntil(() => replies.length === 1);

  proxy.swallowReplies();
  socket.write('two');
  await waitUntil(() => proxy.swallowedBytes === 'echo two'.length);
  proxy.recover();
  await once(socket, 'close');
  const later = await open();
  later.socket.write('three');
  await waitUntil(() => later.replies.length === 1);
  later.socket.destroy();

  expect(heard).toEqual(['one', 'two', 'three']);
  expect([...replies, ...later.replies]).toEqual(['echo one', 'echo three']);
});

test('a reset closes the connection by an RST', async () => {
  const { socket } = await open();
  const failed = once(socket, 'error');
  socket.write('one');

  await waitUntil(() => heard.length === 4);
  proxy.reset();
  const [error] = await failed;

  expect(error).toMatchObject({ code: 'ECONNRESET' });
});
