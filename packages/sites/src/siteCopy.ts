import type { Redis } from 'ioredis';
import { computeSnapshotVersion, type SiteSnapshot } from './siteSnapshot.ts';

/** The queue whose services share a copy. */
export interface SiteCopyNames {
  queueName: string;
  queuePrefix: string;
}

/**
 * The copy of all sites and keys in Redis, from which the ingestion service reads them. It is one hash with
 * the fields `version` and `snapshot`.
 */
export interface SiteCopy {
  /** The version of the copy. Undefined if there is none. */
  readVersion(): Promise<string | undefined>;
  readSnapshot(): Promise<{ version: string; snapshot: SiteSnapshot } | undefined>;
  /** Replaces the copy, unless it is the same already. */
  write(snapshot: SiteSnapshot): Promise<void>;
  /** Notes that a key was used. @param hash SHA-256 of the key. */
  noteKeyUse(hash: string, ms: number): Promise<void>;
  /** The noted uses: milliseconds since 1970, by the hash of the key. */
  readKeyUses(): Promise<Map<string, number>>;
  /** Removes noted uses once they are stored. */
  removeKeyUses(hashes: readonly string[]): Promise<void>;
}

export function createSiteCopy(redis: Redis, { queueName, queuePrefix }: SiteCopyNames): SiteCopy {
  const copyKey = `${queuePrefix}:${queueName}:sites`;
  const usesKey = `${queuePrefix}:${queueName}:key-uses`;
  const readVersion = async () => (await redis.hget(copyKey, 'version')) ?? undefined;
  return {
    readVersion,
    readSnapshot: async () => {
      const [version, text] = await redis.hmget(copyKey, 'version', 'snapshot');
      return version && text ? { version, snapshot: JSON.parse(text) as SiteSnapshot } : undefined;
    },
    write: async (snapshot) => {
      const version = computeSnapshotVersion(snapshot);
      if ((await readVersion()) !== version) {
        await redis.hset(copyKey, { version, snapshot: JSON.stringify(snapshot) });
      }
    },
    noteKeyUse: async (hash, ms) => {
      await redis.hset(usesKey, hash, ms);
    },
    readKeyUses: async () => {
      const uses = Object.entries(await redis.hgetall(usesKey));
      return new Map(uses.map(([hash, ms]) => [hash, Number(ms)]));
    },
    removeKeyUses: async (hashes) => {
      if (hashes.length > 0) {
        await redis.hdel(usesKey, ...hashes);
      }
    },
  };
}
