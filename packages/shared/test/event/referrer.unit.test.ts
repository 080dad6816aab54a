import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findReferrerHost, normalizeHost, toStoredReferrer } from '../../src/event/referrer.ts';

const hosts: [url: string, host: string][] = [
  ['https://news.example/today?page=2', 'news.example'],
  ['https://news.example', 'news.example'],
  ['HTTPS://News.Example:8080/', 'news.example'],
  ['https://news.example./', 'news.example'],
  ['https://news.example../', 'news.example'],
  ['https://ann:secret@news.example/', 'news.example'],
  ['https://bücher.example/', 'xn--bcher-kva.example'],
  ['https://BÜCHER.example/', 'xn--bcher-kva.example'],
  ['https://b%C3%BCcher.example/', 'xn--bcher-kva.example'],
  ['https://xn--bcher-kva.example/', 'xn--bcher-kva.example'],
  ['https://例え。テスト/', 'xn--r8jz45g.xn--zckzah'],
  ['http://localhost:3000/x', 'localhost'],
  ['http://127.0.0.1/', '127.0.0.1'],
  ['http://0x7f.1/', '127.0.0.1'],
  ['http://[::1]:8080/', '[::1]'],
  ['https:\\\\news.example\\today', 'news.example'],
  [' https://news.example/ ', 'news.example'],
  ['android-app://com.Slack/', 'com.slack'],
  ['android-app://com.google.android.gm', 'com.google.android.gm'],
  ['ANDROID-APP://COM.SLACK./https/x', 'com.slack'],
  ['app://Bücher.example/', 'xn--bcher-kva.example'],
  ['app://my_app/', 'my_app'],
  ['chrome-extension://Abcdef/page.html', 'abcdef'],
  ['ftp://Files.example/', 'files.example'],
  ['file://Server/share', 'server'],
];

test.each(hosts)('the host of %j is %s', (url, host) => {
  expect(findReferrerHost(url)).toBe(host);
  expect(toStoredReferrer(url)).toBe(url);
  expect(normalizeHost(host)).toBe(host);
});

const absent = [
  '',
  '-',
  'null',
  'about:client',
  'about:blank',
  'http://',
  'https:///',
  'http://.',
  'http://../',
  'http://%/',
  'http://a b/',
  'http://1.2.3.4.5/',
  'news.example/page',
  '//news.example/page',
  '/page',
  'localhost:3000/x',
  'mailto:ann@example.com',
  'data:text/html,x',
  'file:///etc/hosts',
  'app://a%20b/',
  '\ud800',
];

test.each(absent)('%j is not a referrer', (text) => {
  expect([findReferrerHost(text), toStoredReferrer(text)]).toEqual([undefined, undefined]);
});

test.each([
  ['of 254 characters', `https://${'a'.repeat(254)}/`],
  ['that is longer than that in Punycode', `https://${'字'.repeat(250)}/`],
  ['that grows to 18,000 characters by percent-encoding', `app://${'字'.repeat(2000)}/`],
  ['of 60,000 characters', `https://${'a.'.repeat(30_000)}example/`],
])('a URL with a host %s is not a referrer', (_name, url) => {
  expect([findReferrerHost(url), toStoredReferrer(url)]).toEqual([undefined, undefined]);
});

const long = 'x'.repeat(2048);

test.each([
  [`https://news.example/${long}`, 'https://news.example/'],
  [`https://ann:secret@News.example:8080/?${long}`, 'https://news.example:8080/'],
  [`http://[::1]:3000/${long}`, 'http://[::1]:3000/'],
  [`android-app://com.Slack/${long}`, 'android-app://com.slack/'],
  ['https://news.example/\0', 'https://news.example/'],
  ['https://news.example/\ud800', 'https://news.example/'],
])('a URL that cannot be stored unchanged is cut to its host (%#)', (url, stored) => {
  expect(toStoredReferrer(url)).toBe(stored);
  expect(findReferrerHost(stored)).toBe(findReferrerHost(url));
});

test('a referrer of 2048 characters is stored unchanged', () => {
  const url = `https://a.example/${'x'.repeat(2030)}`;

  expect(toStoredReferrer(url)).toBe(url);
});

test('a host is the same in every spelling', () => {
  const spellings = ['news.example', 'NEWS.Example', 'news.example.', 'news%2Eexample', 'news。example'];

  expect(spellings.map(normalizeHost)).toEqual(spellings.map(() => 'news.example'));
});

test.each(['', '.', 'a/b', 'a?b', 'a#b', 'a\\b', 'news.example:8080', 'ann@news.example', 'a b', '::1'])(
  '%j is no host',
  (text) => {
    expect(normalizeHost(text)).toBeUndefined();
  },
);

/** The host by the URL Standard, without trailing dots. Undefined if the text is not a URL. */
function readHostname(url: string): string | undefined {
  try {
    return new URL(url).hostname.replace(/\.+$/, '');
  } catch {
    return undefined;
  }
}

test('for random referrers, the stored one is short, keeps its host, and does not change again', () => {
  const text = fc.oneof(
    fc.webUrl({ withQueryParameters: true, withFragments: true }),
    fc.string({ unit: 'binary' }),
    fc
      .tuple(
        fc.constantFrom('http', 'https', 'android-app', 'x', 'ws', 'HTTP'),
        fc.constantFrom(':', ':/', '://', ':///', ':\\'),
        fc.string({ unit: fc.constantFrom(...'aB0.-_:@[]%xn--é字。 \t') }),
        fc.constantFrom('', '/', '/\0', '?q', `/${long}`),
      )
      .map((parts) => parts.join('')),
  );
  let kept = 0;
  fc.assert(
    fc.property(text, (referrer) => {
      const host = findReferrerHost(referrer);
      const stored = toStoredReferrer(referrer);
      if (host === undefined) {
        expect(stored).toBeUndefined();
        return;
      }
      kept += 1;
      expect(findReferrerHost(stored ?? '')).toBe(host);
      expect(toStoredReferrer(stored ?? '')).toBe(stored);
      expect(stored?.length).toBeLessThanOrEqual(2048);
      expect(normalizeHost(host)).toBe(host);
      const hostname = /^https?:\/\//i.test(referrer) ? readHostname(referrer) : undefined;
      expect(hostname ?? host).toBe(host);
    }),
    { numRuns: 2000 },
  );
  expect(kept).toBeGreaterThan(200);
});

test('a host is found however many URLs were parsed before', () => {
  const hosts = new Set<string | undefined>();
  for (let index = 0; index < 20_000; index += 1) {
    hosts.add(findReferrerHost('https://é/'));
  }

  expect([...hosts]).toEqual(['xn--9ca']);
});

test.each(['http://0..', 'http://0。。/', 'https://a.0x..', 'app://0..。/x'])(
  '%s is no referrer: without its trailing dots the host would be an address',
  (referrer) => {
    expect([findReferrerHost(referrer), toStoredReferrer(referrer)]).toEqual([undefined, undefined]);
  },
);

test('any text of 64,000 characters is parsed within a second', () => {
  const texts = [
    'https://字',
    'app://字',
    'https://a.',
    'http:/',
    ' ',
    'x',
    'https://a.example/字',
    'x://..',
  ].map((start) => start.padEnd(64_000, start.at(-1)));
  const startedAt = performance.now();

  for (const text of texts) {
    toStoredReferrer(text);
  }
  // Converting 64,000 characters to ASCII takes three seconds.
  expect(performance.now() - startedAt).toBeLessThan(1000);
});
