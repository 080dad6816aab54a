import { isIPv6 } from 'node:net';
import type { Request } from 'express';

/** An IPv6 client usually has a whole network of this many bits, so its single addresses mean nothing. */
const IPV6_GROUP_BITS = 56;
const GROUP_BITS = 16;

const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/**
 * Returns how to read the client address of a request. Express evaluates `X-Forwarded-For` at each access to
 * `request.ip`; without a proxy it is the address of the socket.
 */
export function createAddressReader(
  trustProxy: number | string[],
): (request: Pick<Request, 'ip' | 'socket'>) => string | undefined {
  return trustProxy === 0 ? ({ socket }) => socket.remoteAddress : ({ ip }) => ip;
}

/** The subject of a limit for a client: its IPv4 address, or the first 56 bits of its IPv6 address. */
export function toAddressSubject(address = ''): string {
  if (!address.includes(':')) {
    return address;
  }
  const ipv4 = MAPPED_IPV4.exec(address)?.[1];
  if (ipv4 !== undefined || !isIPv6(address)) {
    return ipv4 ?? address;
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
