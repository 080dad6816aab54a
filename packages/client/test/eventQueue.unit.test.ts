import { expect, test } from 'vitest';
import { createEventQueue } from '../src/eventQueue.ts';
import { answer, startQueue, VIEW } from './startQueue.ts';

test('events of one second are sent together, with the time and an id from when they were tracked', async () => {
  const { track, sent, sentPaths, advance } = startQueue();
  track('/a');
  await advance(600);
  track('/b');
  await advance(399);
  expect(sentPaths()).toEqual([]);
  await advance(1);

  expect(sentPaths()).toEqual(['/a /b']);
  const [first, second] = sent[0] ?? [];
  expect([first?.timestamp, second?.timestamp]).toEqual([
    '2025-11-12T19:30:01.000Z',
    '2025-11-12T19:30:01.600Z',
  ]);
  expect(first?.event_id).toMatch(/^[0-9a-f]{32}$/);
  expect(first?.event_id).not.toBe(second?.event_id);
});

test('the time and the id of a caller are sent', async () => {
  const { queue, sent } = startQueue();
  queue.track({ ...VIEW, timestamp: '2025-01-01T00:00:00Z', event_id: 'order-1' });
  await queue.flush();

  expect(sent).toEqual([[{ ...VIEW, timestamp: '2025-01-01T00:00:00Z', event_id: 'order-1' }]]);
});

test('a full batch is sent at once, and no request has more events', async () => {
  const { track, sentPaths, advance } = startQueue([], { maxEvents: 2 });
  track('/a', '/b', '/c', '/d', '/e');
  await advance(0);

  expect(sentPaths()).toEqual(['/a /b', '/c /d', '/e']);
});

test('no request has more bytes than the limit, unless one event does', async () => {
  const { track, sent, sentPaths, advance } = startQueue([], { maxBytes: 400 });
  track('/a', '/b', '/c', `/${'é'.repeat(400)}`, '/d');
  await advance(1000);

  expect(sentPaths().map((paths) => paths.slice(0, 6))).toEqual(['/a /b', '/c', `/${'é'.repeat(5)}`, '/d']);
  expect(JSON.stringify({ events: sent[0] }).length).toBeLessThanOrEqual(400);
});

test.each([
  new Error('no connection'),
  answer(503, 'Away.'),
  answer(500, 'Bug.'),
  answer(429, 'Slow down.'),
  answer(408, ''),
])('after %j the same events are sent again, later and later', async (failure) => {
  const { track, sent, dropped, advance } = startQueue([failure, failure, failure]);
  track('/a');
  await advance(1000);
  track('/b');
  await advance(249);
  expect(sent.length).toBe(1);
  await advance(1);
  expect(sent.length).toBe(2);
  await advance(499);
  expect(sent.length).toBe(2);
  await advance(1);
  expect(sent.length).toBe(3);
  await advance(999);
  expect(sent.length).toBe(3);
  await advance(1);

  expect(sent.map((events) => events.map(({ path }) => path))).toEqual([
    ['/a'],
    ['/a', '/b'],
    ['/a', '/b'],
    ['/a', '/b'],
  ]);
  expect(new Set(sent.map(([first]) => first?.event_id)).size).toBe(1);
  expect(dropped).toEqual([]);
});

test('a retry waits as long as the service asks for', async () => {
  const { track, sent, advance } = startQueue([answer(503, 'Away.', 7000)]);
  track('/a');
  await advance(1000);
  await advance(6999);
  expect(sent.length).toBe(1);
  await advance(1);

  expect(sent.length).toBe(2);
});

test('a flush during the wait for a retry does not shorten it', async () => {
  const { queue, track, sent, advance } = startQueue([answer(503, 'Away.', 7000)]);
  track('/a');
  await advance(1000);
  const flushed = queue.flush();
  await advance(0);
  expect(sent.length).toBe(1);
  await advance(7000);
  await flushed;

  expect(sent.length).toBe(2);
});

test('an event that the service rejects is dropped with the reason, and the others are accepted', async () => {
  const rejected = [{ index: 1, errors: [{ field: 'path', message: 'is too long' }] }];
  const { queue, track, sentPaths, dropped } = startQueue([
    { status: 202, body: { success: true, accepted: 1, rejected }, retryAfterMs: undefined },
  ]);
  track('/a', '/b');
  await queue.flush();

  expect([sentPaths(), dropped]).toEqual([['/a /b'], ['/b The event is invalid: path is too long.']]);
});

test.each([400, 401, 403, 404, 413])('events that get a %i are dropped with its reason', async (status) => {
  const { queue, track, sentPaths, dropped } = startQueue([answer(status, 'No.')]);
  track('/a');
  await queue.flush();

  expect([sentPaths(), dropped]).toEqual([['/a'], ['/a No.']]);
});

test('a batch that is too large for the service is sent in halves', async () => {
  const { queue, track, sentPaths, dropped } = startQueue([answer(413, 'Too large.')]);
  track('/a', '/b', '/c');
  await queue.flush();

  expect([sentPaths(), dropped]).toEqual([['/a /b /c', '/a /b', '/c'], []]);
});

test('events beyond the limit of waiting ones are dropped, and the earlier ones are sent', async () => {
  const { track, sentPaths, dropped, advance } = startQueue([], { maxWaiting: 2 });
  track('/a', '/b', '/c');
  await advance(1000);

  expect([sentPaths(), dropped]).toEqual([['/a /b'], ['/c Too many events are waiting.']]);
});

test('a closed client has sent everything, and drops what is tracked later', async () => {
  const { queue, track, sentPaths, dropped } = startQueue();
  track('/a');
  await queue.close();
  track('/b');

  expect([sentPaths(), dropped]).toEqual([['/a'], ['/b The client is closed.']]);
});

test('a client that is closed while the service is away drops its events at the deadline', async () => {
  const { queue, track, dropped, advance } = startQueue([answer(503, 'Away.', 60_000)]);
  track('/a');
  const closed = queue.close(5000);
  await advance(4999);
  expect(dropped).toEqual([]);
  await advance(1);
  await closed;

  expect(dropped).toEqual(['/a The client was closed before the event was accepted.']);
});

test('a flush that waits for a service that is away ends when the client is closed', async () => {
  const { queue, track, advance } = startQueue([answer(503, 'Away.', 60_000)]);
  track('/a');
  const flushed = queue.flush();
  await advance(0);
  const closed = queue.close(5000);
  await advance(5000);

  expect(await Promise.all([flushed, closed])).toEqual([undefined, undefined]);
});

test('an event that is being sent at the deadline is dropped only if the request fails', async () => {
  let fail: (error: Error) => void = () => {};
  const dropped: string[] = [];
  const queue = createEventQueue(
    () =>
      new Promise((_resolve, reject) => {
        fail = reject;
      }),
    {
      onDropped: ({ path }) => dropped.push(path),
    },
  );
  queue.track(VIEW);
  await queue.close(1);
  expect(dropped).toEqual([]);
  fail(new Error('no connection'));
  await new Promise(setImmediate);

  expect(dropped).toEqual(['/']);
});
