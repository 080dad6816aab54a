import { lookup } from 'node:dns/promises';

/**
 * An address at which a server is reachable from this machine that listens on `host`: `0.0.0.0` and `::` are
 * none.
 */
export function toReachableHost(host: string): string {
  return ['0.0.0.0', '::', '[::]'].includes(host) ? '127.0.0.1' : host;
}

/** A host as it stands in a URL. */
export function formatHost(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

/**
 * The host that a person types for a server that listens on `host`: `localhost` if that name leads to
 * 127.0.0.1 here, which it does not where it stands for ::1 only.
 */
export async function findShownHost(host: string): Promise<string> {
  const reachable = toReachableHost(host);
  if (reachable !== '127.0.0.1') {
    return formatHost(reachable);
  }
  const addresses = await lookup('localhost', { all: true }).catch(() => []);
  return addresses.some(({ address }) => address === reachable) ? 'localhost' : reachable;
}
