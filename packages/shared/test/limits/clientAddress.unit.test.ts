import { expect, test } from 'vitest';
import { toAddressSubject } from '../../src/limits/clientAddress.ts';

test.each([
  ['203.0.113.7', '::ffff:203.0.113.7'],
  ['203.0.113.7', '::FFFF:203.0.113.7'],
  ['2001:db8:1:1200::1', '2001:db8:1:12ff:ffff:ffff:ffff:ffff'],
  ['2001:db8:1:1200::1', '2001:0DB8:0001:1234::'],
  ['fe80::1%eth0', 'fe80::2'],
  ['64:ff9b::192.0.2.1', '64:ff9b::192.0.2.2'],
])('%s and %s are one client', (one, other) => {
  expect(toAddressSubject(one)).toBe(toAddressSubject(other));
});

test('different clients have different subjects', () => {
  const addresses = [
    '203.0.113.7',
    '203.0.113.8',
    '2001:db8:1:1200::1',
    '2001:db8:1:1300::1',
    '2001:db8:2:1200::1',
    '::1',
    '::ffff:198.51.100.1',
    'not an address',
    'no:address',
    undefined,
  ];

  expect(new Set(addresses.map(toAddressSubject)).size).toBe(addresses.length);
});
