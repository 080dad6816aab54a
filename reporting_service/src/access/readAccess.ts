import type { IncomingHttpHeaders } from 'node:http';
import { createUnavailableError, ProblemError } from '@analytics/shared/http/problem';
import { isKeyText } from '@analytics/sites/apiKey';
import { createKeyError, INVALID_KEY, readHeaderKey } from '@analytics/sites/credentials';
import type { SiteDirectory, SnapshotKey } from '@analytics/sites/siteSnapshot';

/** The sender of a request. In open mode it has no key. */
export interface Reader {
  key?: SnapshotKey;
}

/** Decides who may read the reports of which site, and who may administer sites. */
export interface ReadAccess {
  /**
   * Identifies the sender by `share`, the share token in its query, or else by the key in its headers.
   *
   * @throws ProblemError 401 without a valid key, 403 for a write key, 503 if no sites are known.
   */
  identify(headers: IncomingHttpHeaders, share?: unknown): Reader;
  /**
   * Returns the id of the site that `site_id` names.
   *
   * @throws ProblemError 404 if the reader's key is of another site, or there is no such site.
   */
  resolveSite(reader: Reader, site_id: string): string;
  /**
   * @throws ProblemError 401 without a valid key, 403 if it is not an admin key, 503 if no sites are known.
   */
  requireAdmin(headers: IncomingHttpHeaders): void;
}

export interface ReadAccessOptions {
  mode: 'open' | 'keys';
  findDirectory: () => SiteDirectory | undefined;
  /** Gets the hash of each key that was used. */
  onKeyUsed: (hash: string, nowMs: number) => void;
  /** Milliseconds since 1970. */
  now: () => number;
}

const ANYONE: Reader = {};

export function createReadAccess({ mode, findDirectory, onKeyUsed, now }: ReadAccessOptions): ReadAccess {
  function requireDirectory(): SiteDirectory {
    const directory = findDirectory();
    if (directory === undefined) {
      throw createUnavailableError('The sites are not known yet. Try again.');
    }
    return directory;
  }

  function requireKey(headers: IncomingHttpHeaders, kind: string): SnapshotKey {
    const text = readHeaderKey(headers);
    if (text === undefined) {
      throw createKeyError(`Send ${kind} in the header Authorization: Bearer, or in X-Api-Key.`);
    }
    return findValid(text);
  }

  function findValid(text: string): SnapshotKey {
    const nowMs = now();
    const key = requireDirectory().findKey(text, nowMs);
    if (key === undefined) {
      throw createKeyError(INVALID_KEY);
    }
    onKeyUsed(key.hash, nowMs);
    return key;
  }

  /** Only a share token may be in a URL, which ends up in logs and histories. */
  function requireShareToken(share: unknown): SnapshotKey {
    if (typeof share !== 'string' || !isKeyText(share, 'share')) {
      throw createKeyError('The parameter share must be one share token. Other keys belong into a header.');
    }
    return findValid(share);
  }

  return {
    identify: (headers, share) => {
      if (mode === 'open') {
        return ANYONE;
      }
      const key =
        share === undefined
          ? requireKey(headers, 'a read key of the site, or an admin key,')
          : requireShareToken(share);
      if (key.kind === 'write') {
        throw new ProblemError(403, 'This key may not read reports. Use a read key of the site.');
      }
      return { key };
    },
    resolveSite: ({ key }, site_id) => {
      const site = findDirectory()?.findSite(site_id);
      if (mode === 'open') {
        return site?.id ?? site_id;
      }
      // The same answer whether the site exists or not.
      if (site === undefined || (key?.kind !== 'admin' && key?.site_id !== site.id)) {
        throw new ProblemError(404, 'There is no such site for this key.');
      }
      return site.id;
    },
    requireAdmin: (headers) => {
      if (requireKey(headers, 'an admin key').kind !== 'admin') {
        throw new ProblemError(403, 'This key may not administer sites. Use an admin key.');
      }
    },
  };
}
