import { lookup } from 'node:dns/promises';

/**
 * The address at which this machine reaches a server that listens on `host`. `0.0.0.0` and `::` are not
 * addresses to connect to.
 */
export function toReachableHost(host: string): string {
  return ['0.0.0.0', '::', '[::]'].includes(host) ? '127.0.0.1' : host;
}

/** A host in the form that a URL needs. */
export function formatHost(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

/**
 * The host to show for a server that listens on `host`: `localhost` if it resolves to 127.0.0.1 on this
 * machine. On some machines it resolves only to ::1.
 */
export async function findShownHost(host: string): Promise<string> {
  const reachable = toReachableHost(host);
  if (reachable !== '127.0.0.1') {
    return formatHost(reachable);
  }
  const addresses = await lookup('localhost', { all: true }).catch(() => []);
  return addresses.some(({ address }) => address === reachable) ? 'localhost' : reachable;
}
