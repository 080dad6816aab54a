import { createHash } from 'node:crypto';
import { isIPv4, isIPv6 } from 'node:net';

/** An IPv6 client usually has a whole network of this many bits, so its single addresses mean nothing. */
const IPV6_GROUP_BITS = 56;
const GROUP_BITS = 16;

const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/**
 * The subject of a limit for a client address: a hash of the IPv4 address, or of the first 56 bits of the
 * IPv6 address. Addresses are never stored, and the hashes expire with the window of their limit.
 */
export function toAddressSubject(address: string | undefined): string {
  return createHash('sha256')
    .update(toGroup(address ?? ''))
    .digest('base64url')
    .slice(0, 22);
}

function toGroup(address: string): string {
  const ipv4 = MAPPED_IPV4.exec(address)?.[1] ?? address;
  if (isIPv4(ipv4) || !isIPv6(address)) {
    return ipv4;
  }
  return expandIpv6(address)
    .slice(0, IPV6_GROUP_BITS / 4)
    .concat(`::/${IPV6_GROUP_BITS}`);
}

/** The 32 hexadecimal digits of an address, without its zone. */
function expandIpv6(address: string): string {
  const [text = ''] = address.split('%', 1);
  const [head = '', tail] = withoutDottedEnd(text).split('::');
  const groups = (part: string | undefined) => (part ? part.split(':') : []);
  const [before, after] = [groups(head), groups(tail)];
  const zeros = Array.from({ length: 128 / GROUP_BITS - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after].map((group) => group.padStart(4, '0').toLowerCase()).join('');
}

/** The last 32 bits may be written as an IPv4 address. They are no part of the group. */
function withoutDottedEnd(address: string): string {
  return address.replace(/\d+\.\d+\.\d+\.\d+$/, '0:0');
}
