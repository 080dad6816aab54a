import { createHash } from 'node:crypto';
import { hashKey, isKeyText, type KeyKind } from './apiKey.ts';

/** What a service must know to decide who may write or read: all sites, and all keys that are not revoked. */
export interface SiteSnapshot {
  sites: SnapshotSite[];
  keys: SnapshotKey[];
}

interface SnapshotSite {
  id: string;
  /** The id, then the aliases. */
  names: string[];
  domains: string[];
}

export interface SnapshotKey {
  /** SHA-256 of the key. */
  hash: string;
  kind: KeyKind;
  site_id: string | null;
  /** Milliseconds since 1970; null: never. */
  expiresAtMs: number | null;
}

/** The sites and keys of a snapshot, in memory. */
export interface SiteDirectory {
  /** Finds a site by its id or an alias. */
  findSite(name: string): SnapshotSite | undefined;
  /** Finds the valid key with this text. Undefined if it is unknown, revoked or expired. */
  findKey(text: string, nowMs: number): SnapshotKey | undefined;
}

/** The same for equal snapshots. */
export function computeSnapshotVersion(snapshot: SiteSnapshot): string {
  return createHash('sha256').update(JSON.stringify(snapshot)).digest('base64url');
}

export function createSiteDirectory({ sites, keys }: SiteSnapshot): SiteDirectory {
  const byName = new Map(sites.flatMap((site) => site.names.map((name) => [name, site] as const)));
  const byHash = new Map(keys.map((key) => [key.hash, key]));
  return {
    findSite: (name) => byName.get(name),
    findKey: (text, nowMs) => {
      // The comparison of hashes reveals nothing about a key, so its duration does not matter.
      const key = isKeyText(text) ? byHash.get(hashKey(text)) : undefined;
      return key && (key.expiresAtMs === null || nowMs < key.expiresAtMs) ? key : undefined;
    },
  };
}
