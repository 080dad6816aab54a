import fc from 'fast-check';
import type { PlainQuery } from '../../../packages/local-stack/src/testing/plainReports.ts';
import type { TestEvent } from '../startApp.ts';

const TIMES = [
  '00:00:00',
  '00:59:59.999',
  '01:30:00',
  '03:00:00',
  '18:29:59.999',
  '18:30:00',
  '23:59:59.999',
];
const ZONES = ['UTC', 'Europe/Berlin', 'Asia/Kolkata', 'America/St_Johns', 'Pacific/Auckland'];
const PATHS = ['/', '/a', '/a/b', '/a.b', '/ä', '/🎈', '/豈'];
const HOSTS = ['example.com', 'news.example.org'];

export const maybe = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined });

/** Events of some days, which share few values, so that much is counted together. */
export function arbitraryEvent(days: string[]): fc.Arbitrary<TestEvent> {
  return fc
    .record({
      day: fc.constantFrom(...days),
      time: fc.constantFrom(...TIMES),
      path: fc.constantFrom(...PATHS),
      user_id: fc.constantFrom(null, 'ann', 'bob', 'Ann'),
      event_type: fc.constantFrom('page_view', 'click'),
      referrer_host: maybe(fc.constantFrom(...HOSTS)),
      plan: maybe(fc.constantFrom('free', 'pro', 1, 2, true, false)),
    })
    .map(({ day, time, referrer_host, plan, ...fields }) => ({
      ...fields,
      site_id: '',
      timestamp: `${day}T${time}Z`,
      ...(referrer_host !== undefined && { referrer_host }),
      ...(plan !== undefined && { properties: { plan } }),
    }));
}

/** Dimensions to break down by: few at once, because many different cases find more than complete ones. */
export function arbitraryDimensions(dimensions: string[]): fc.Arbitrary<string[]> {
  return fc.uniqueArray(fc.constantFrom(...dimensions), { minLength: 1, maxLength: 2 });
}

/** Questions about some of the days, or all time. */
export function arbitraryQuery(days: string[]): fc.Arbitrary<PlainQuery> {
  return fc
    .record({
      tz: fc.constantFrom(...ZONES),
      days: maybe(fc.tuple(fc.constantFrom(...days), fc.constantFrom(...days))),
      path: maybe(fc.constantFrom(...PATHS)),
      path_prefix: maybe(fc.constantFrom('/', '/a', '/a.', '/x')),
      event_type: maybe(fc.constantFrom('page_view', 'click')),
      referrer_host: maybe(fc.constantFrom(...HOSTS)),
    })
    .map(({ days, ...rest }) => {
      const [from, to] = days?.toSorted() ?? [];
      return { ...rest, from, to };
    });
}
