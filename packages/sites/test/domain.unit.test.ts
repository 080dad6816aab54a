import { expect, test } from 'vitest';
import { domainSchema, isOriginOfDomains } from '../src/domain.ts';

const domains = ['example.com', '*.shop.example', 'xn--bcher-kva.example', 'localhost', '127.0.0.1'];

test.each([
  ['https://example.com', true],
  ['http://example.com', true],
  ['https://EXAMPLE.com', true],
  ['https://example.com:8443', true],
  ['https://bücher.example', true],
  ['http://localhost:5173', true],
  ['http://127.0.0.1:8080', true],
  ['https://a.shop.example', true],
  ['https://a.b.shop.example', true],
  ['https://shop.example', false],
  ['https://evilshop.example', false],
  ['https://www.example.com', false],
  ['https://example.com.evil.example', false],
  ['https://evil-example.com', false],
  ['https://example.comevil.example', false],
  ['https://example.com@evil.example', false],
  ['https://evil.example/example.com', false],
  ['https://evil.example#example.com', false],
  ['https://evil.example?example.com', false],
  ['https://evil.example\\example.com', false],
  ['null', false],
  ['', false],
  ['example.com', false],
  ['file://', false],
  ['ftp://example.com', false],
  ['https://example.com https://evil.example', false],
])('the origin %s belongs to the domains: %s', (origin, expected) => {
  expect(isOriginOfDomains(origin, domains)).toBe(expected);
});

test.each([
  ['Example.COM', 'example.com'],
  ['*.Example.com', '*.example.com'],
  ['bücher.example.', 'xn--bcher-kva.example'],
  ['localhost', 'localhost'],
])('the domain %s is stored as %s', (input, expected) => {
  expect(domainSchema.parse(input)).toBe(expected);
});

test.each([
  '',
  '*',
  '*.com',
  '*.*.example.com',
  'a.*.example',
  'https://example.com',
  'example.com/a',
  'example.com:80',
  '.',
  7,
  null,
])('the domain %s is refused', (input) => {
  expect(domainSchema.safeParse(input).success).toBe(false);
});
