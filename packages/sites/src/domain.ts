import { normalizeHost } from '@analytics/shared/event/referrer';
import { z } from 'zod';

const WILDCARD = '*.';

/**
 * A domain of a site: a host such as `example.com`, or `*.example.com` for every host below it. Normalized to
 * lower case and Punycode.
 */
export const domainSchema = z.string({ error: 'must be a text' }).transform((value, context) => {
  const isWildcard = value.startsWith(WILDCARD);
  const host = normalizeHost(isWildcard ? value.slice(WILDCARD.length) : value);
  // `*.com` would let every web site write.
  if (host === undefined || host.includes('*') || (isWildcard && !host.includes('.'))) {
    const message = 'must be a host without scheme, port and path, such as example.com or *.example.com';
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  }
  return isWildcard ? WILDCARD + host : host;
});

/**
 * Whether one of the domains contains the host of an `Origin` header. Scheme and port do not matter. The
 * origin `null`, which sandboxed pages and local files have, has no host.
 */
export function isOriginOfDomains(origin: string, domains: readonly string[]): boolean {
  const host = findOriginHost(origin);
  return host !== undefined && domains.some((domain) => contains(domain, host));
}

/** An origin is a scheme, a host and a port; browsers send nothing else (RFC 6454, section 7). */
const ORIGIN = /^https?:\/\/([^\s/?#@\\]+)$/i;

/** Parsing an origin takes microseconds, and the same ones come again and again. */
const MAX_KNOWN_ORIGINS = 10_000;
const MAX_ORIGIN_LENGTH = 300;
const knownHosts = new Map<string, string | undefined>();

function findOriginHost(origin: string): string | undefined {
  if (knownHosts.has(origin)) {
    return knownHosts.get(origin);
  }
  if (origin.length > MAX_ORIGIN_LENGTH) {
    return undefined;
  }
  if (knownHosts.size >= MAX_KNOWN_ORIGINS) {
    knownHosts.clear();
  }
  const host = parseOriginHost(origin);
  knownHosts.set(origin, host);
  return host;
}

function parseOriginHost(origin: string): string | undefined {
  if (!ORIGIN.test(origin) || !URL.canParse(origin)) {
    return undefined;
  }
  return normalizeHost(new URL(origin).hostname);
}

function contains(domain: string, host: string): boolean {
  return domain.startsWith(WILDCARD) ? host.endsWith(domain.slice(1)) : host === domain;
}
