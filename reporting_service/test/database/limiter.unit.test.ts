import { expect, test } from 'vitest';
import { createLimiter } from '../../src/database/limiter.ts';

/** A limiter whose permits a test releases. `begun` names the owners in the order of their permits. */
function createLine(options: { maxRunning: number; maxRunningOfOwner: number; maxWaiting?: number }) {
  const limiter = createLimiter({ maxWaiting: 100, ...options });
  const begun: string[] = [];
  const releases: (() => void)[] = [];
  const ask = (owner: string, signal = new AbortController().signal) =>
    limiter.acquire(owner, signal).then((release) => {
      begun.push(owner);
      releases.push(release);
    });
  const releaseAll = async () => {
    for (let release = releases.shift(); release; release = releases.shift()) {
      release();
      await new Promise(setImmediate);
    }
  };
  return { ask, begun, releases, releaseAll };
}

test('one owner never holds all permits, and waiting owners are served in rotation', async () => {
  const { ask, begun, releaseAll } = createLine({ maxRunning: 4, maxRunningOfOwner: 3 });

  const all = ['a', 'a', 'a', 'a', 'a', 'a', 'b', 'c', 'c', 'c'].map((owner) => ask(owner));
  await new Promise(setImmediate);
  expect(begun).toEqual(['a', 'a', 'a', 'b']);
  await releaseAll();

  await Promise.all(all);
  expect(begun.slice(4)).toEqual(['a', 'c', 'a', 'c', 'a', 'c']);
});

test('a caller that stops waiting gets no permit, and a caller beyond the limit is refused', async () => {
  const { ask, begun, releaseAll } = createLine({ maxRunning: 1, maxRunningOfOwner: 1, maxWaiting: 2 });
  const leaving = new AbortController();
  const first = ask('a');
  const left = ask('b', leaving.signal);
  const last = ask('c');

  await expect(ask('d')).rejects.toThrow('2 callers wait');
  leaving.abort(new Error('left'));
  await expect(left).rejects.toThrow('left');
  const again = ask('d');
  await first;
  await releaseAll();

  await Promise.all([last, again]);
  expect(begun).toEqual(['a', 'c', 'd']);
});

test('a permit that is released twice counts once', async () => {
  const { ask, begun, releases } = createLine({ maxRunning: 1, maxRunningOfOwner: 1 });
  await ask('a');
  const second = ask('b');
  void ask('c');

  releases[0]?.();
  await second;
  releases[0]?.();
  await new Promise(setImmediate);

  expect(begun).toEqual(['a', 'b']);
});
