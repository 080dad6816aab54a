import { expect, test } from 'vitest';
import { createReportMemory, MemoryShortError, TooLargeError } from '../../src/database/reportMemory.ts';

const { signal } = new AbortController();

test('small reports share a memory budget, and released memory can be used by others', () => {
  const memory = createReportMemory({ sharedBytes: 10, smallReportBytes: 8 });
  const [one, two] = [memory.openSmall(), memory.openSmall()];

  one.take(8);
  expect(() => one.take(1)).toThrow(MemoryShortError);
  two.take(2);
  expect(() => two.take(1)).toThrow(MemoryShortError);
  one.give(3);
  two.take(3);
  one.close();
  one.close();
  two.take(3);

  expect(() => one.take(0)).toThrow(MemoryShortError);
});

test('only one large report runs at a time, and MongoDB computes one that does not fit', async () => {
  const memory = createReportMemory({ largeReportBytes: 5 });
  const first = await memory.openLarge('a', signal);
  let isOpen = false;
  const second = memory.openLarge('a', signal).then((account) => {
    isOpen = true;
    return account;
  });

  first.take(5);
  expect(() => first.take(1)).toThrow(TooLargeError);
  await new Promise(setImmediate);
  expect(isOpen).toBe(false);
  first.close();

  (await second).take(5);
});

test('a large report that is cancelled while it waits does not delay the next one', async () => {
  const memory = createReportMemory();
  const first = await memory.openLarge('a', signal);
  const leaving = new AbortController();
  const left = memory.openLarge('a', leaving.signal);
  const last = memory.openLarge('a', signal);

  leaving.abort(new Error('left'));
  await expect(left).rejects.toThrow('left');
  first.close();

  expect((await last).isLarge).toBe(true);
});

test('a site with many large reports does not delay another site', async () => {
  const memory = createReportMemory();
  const order: string[] = [];
  const takeTurn = async (site_id: string) => {
    const account = await memory.openLarge(site_id, signal);
    order.push(site_id);
    account.close();
  };
  const first = await memory.openLarge('busy', signal);
  const waiting = ['busy', 'busy', 'busy', 'quiet'].map(takeTurn);

  first.close();
  await Promise.all(waiting);

  expect(order).toEqual(['busy', 'quiet', 'busy', 'busy']);
});
