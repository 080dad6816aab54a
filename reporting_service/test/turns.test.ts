import { expect, test } from 'vitest';
import { createTurns } from '../src/turns.ts';

/** A line whose turns a test passes by hand; `begun` names the owners in the order of their turns. */
function createLine(options: { maxRunning: number; maxRunningOfOwner: number; maxWaiting?: number }) {
  const turns = createTurns({ maxWaiting: 100, ...options });
  const begun: string[] = [];
  const passes: (() => void)[] = [];
  const ask = (owner: string, signal = new AbortController().signal) =>
    turns.take(owner, signal).then((pass) => {
      begun.push(owner);
      passes.push(pass);
    });
  const passAll = async () => {
    for (let pass = passes.shift(); pass; pass = passes.shift()) {
      pass();
      await new Promise(setImmediate);
    }
  };
  return { ask, begun, passes, passAll };
}

test('one owner never has all turns, and owners that wait get turns one after another', async () => {
  const { ask, begun, passAll } = createLine({ maxRunning: 4, maxRunningOfOwner: 3 });

  const all = ['a', 'a', 'a', 'a', 'a', 'a', 'b', 'c', 'c', 'c'].map((owner) => ask(owner));
  await new Promise(setImmediate);
  expect(begun).toEqual(['a', 'a', 'a', 'b']);
  await passAll();

  await Promise.all(all);
  expect(begun.slice(4)).toEqual(['a', 'c', 'a', 'c', 'a', 'c']);
});

test('whoever leaves the line gets no turn, and whoever is past its end is refused', async () => {
  const { ask, begun, passAll } = createLine({ maxRunning: 1, maxRunningOfOwner: 1, maxWaiting: 2 });
  const leaving = new AbortController();
  const first = ask('a');
  const left = ask('b', leaving.signal);
  const last = ask('c');

  await expect(ask('d')).rejects.toThrow('2 wait');
  leaving.abort(new Error('left'));
  await expect(left).rejects.toThrow('left');
  const again = ask('d');
  await first;
  await passAll();

  await Promise.all([last, again]);
  expect(begun).toEqual(['a', 'c', 'd']);
});

test('a turn that is passed twice is passed once', async () => {
  const { ask, begun, passes } = createLine({ maxRunning: 1, maxRunningOfOwner: 1 });
  await ask('a');
  const second = ask('b');
  void ask('c');

  passes[0]?.();
  await second;
  passes[0]?.();
  await new Promise(setImmediate);

  expect(begun).toEqual(['a', 'b']);
});
