import type { IncomingHttpHeaders } from 'node:http';
import { createUnavailableError, ProblemError } from '@analytics/shared/http/problem';
import { createKeyError, INVALID_KEY, readHeaderKey } from '@analytics/sites/credentials';
import { isOriginOfDomains } from '@analytics/sites/domain';
import type { SiteDirectory, SnapshotKey } from '@analytics/sites/siteSnapshot';

/** A request, as far as it says who sends it. */
interface WriteRequest {
  headers: IncomingHttpHeaders;
  /** The path and the query. */
  url: string;
}

/** The sender of a request: a server with a write key, or a page with its origin. */
export interface Writer {
  key?: SnapshotKey;
  origin?: string | undefined;
}

/** Decides who may write events of which site. */
export interface WriteAccess {
  /**
   * Identifies the sender before the body is read.
   *
   * @throws ProblemError 401 for an invalid key, 403 for a key of another kind, 503 if no sites are known.
   */
  identify(request: WriteRequest): Writer;
  /** Removes the field `key` from a body, and identifies the sender by it. Throws as `identify` does. */
  takeBodyKey(writer: Writer, body: unknown): void;
  /**
   * Returns the id of the site that `site_id` names, for events of this sender.
   *
   * @throws ProblemError 401 if the request has neither key nor origin; 403 if they are those of another
   *   site.
   */
  resolveSite(writer: Writer, site_id: string): string;
}

export interface WriteAccessOptions {
  mode: 'open' | 'keys';
  findDirectory: () => SiteDirectory | undefined;
  /** Gets the hash of each key that was used. */
  onKeyUsed: (hash: string, nowMs: number) => void;
  /** Milliseconds since 1970. */
  now?: () => number;
}

export function createWriteAccess(options: WriteAccessOptions): WriteAccess {
  return options.mode === 'open' ? createOpenAccess(options) : createKeyAccess(options);
}

const ANYONE: Writer = {};

/** Everybody may write events of every site. Aliases have their meaning, and keys have none. */
function createOpenAccess({ findDirectory }: WriteAccessOptions): WriteAccess {
  return {
    identify: () => ANYONE,
    takeBodyKey: (_writer, body) => {
      takeKey(body);
    },
    resolveSite: (_writer, site_id) => findDirectory()?.findSite(site_id)?.id ?? site_id,
  };
}

function createKeyAccess({ findDirectory, onKeyUsed, now = Date.now }: WriteAccessOptions): WriteAccess {
  function requireDirectory(): SiteDirectory {
    const directory = findDirectory();
    if (directory === undefined) {
      throw createUnavailableError('The sites are not known yet. Try again.');
    }
    return directory;
  }

  function requireWriteKey(text: unknown): SnapshotKey {
    const nowMs = now();
    const key = typeof text === 'string' ? requireDirectory().findKey(text, nowMs) : undefined;
    if (key === undefined) {
      throw createKeyError(INVALID_KEY);
    }
    if (key.kind !== 'write') {
      throw new ProblemError(403, 'This key may not write events. Use a write key of the site.');
    }
    onKeyUsed(key.hash, nowMs);
    return key;
  }

  return {
    identify: ({ headers, url }) => {
      requireDirectory();
      const text = readHeaderKey(headers) ?? readQueryKey(url);
      const { origin } = headers;
      return text === undefined ? { origin } : { key: requireWriteKey(text), origin };
    },
    takeBodyKey: (writer, body) => {
      const text = takeKey(body);
      if (text !== undefined && writer.key === undefined) {
        writer.key = requireWriteKey(text);
      }
    },
    resolveSite: ({ key, origin }, site_id) => {
      const site = requireDirectory().findSite(site_id);
      if (key !== undefined) {
        if (site === undefined || key.site_id !== site.id) {
          throw new ProblemError(403, 'The key may not write events of this site_id.');
        }
        return site.id;
      }
      if (origin === undefined) {
        throw createKeyError('Send a write key of the site, or post from a page on one of its domains.');
      }
      if (site === undefined || !isOriginOfDomains(origin, site.domains)) {
        throw new ProblemError(403, 'This origin is not one of the domains of the site.');
      }
      return site.id;
    },
  };
}

/** Beacons cannot set headers, so a key may also be in the query. */
function readQueryKey(url: string): unknown {
  const start = url.indexOf('?');
  if (start === -1) {
    return undefined;
  }
  const keys = new URLSearchParams(url.slice(start)).getAll('key');
  // Two keys are no valid key.
  return keys.length > 1 ? keys : keys[0];
}

function takeKey(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, 'key')) {
    return undefined;
  }
  const fields = body as { key?: unknown };
  const { key } = fields;
  delete fields.key;
  return key ?? null;
}
