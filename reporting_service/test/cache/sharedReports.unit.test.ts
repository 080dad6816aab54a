import { expect, test } from 'vitest';
import { type Making, shareReport } from '../../src/cache/sharedReports.ts';

/** A report whose making a test ends by hand. */
function beginReport() {
  let making: Making | undefined;
  let finish = (_result: string) => {};
  let ends = 0;
  const report = shareReport<string>(
    (given) => {
      making = given;
      return new Promise((resolve) => (finish = resolve));
    },
    () => (ends += 1),
  );
  return {
    report,
    making: making as unknown as Making,
    finish: (result: string) => finish(result),
    ends: () => ends,
  };
}

test('a report continues while a client waits for it, and is cancelled when all have disconnected', async () => {
  const { report, making, ends } = beginReport();
  const [one, two] = [new AbortController(), new AbortController()];
  const waiting = [report.join(one.signal), report.join(two.signal)];

  one.abort(new Error('left'));
  await expect(waiting[0]).rejects.toThrow('left');
  expect([making.signal.aborted, ends()]).toEqual([false, 0]);
  two.abort(new Error('left too'));
  await expect(waiting[1]).rejects.toThrow('left too');

  expect([making.signal.aborted, ends()]).toEqual([true, 1]);
});

test('all waiting clients get the report, and a later disconnect has no effect', async () => {
  const { report, making, finish } = beginReport();
  const leaving = new AbortController();
  const waiting = [report.join(leaving.signal), report.join(new AbortController().signal)];
  expect(report.asOfMs).toBeUndefined();
  making.begin(5);

  finish('report');

  expect([await Promise.all(waiting), report.asOfMs]).toEqual([['report', 'report'], 5]);
  leaving.abort();
  expect(making.signal.aborted).toBe(false);
});
