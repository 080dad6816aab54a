import type { mongo } from 'mongoose';
import { openSiteCollections, type SiteCollections } from './documents.ts';
import type { SiteSnapshot } from './siteSnapshot.ts';

export interface SnapshotReader {
  /** Changes whenever a site or a key does. It costs a few index reads. */
  readFingerprint(): Promise<string>;
  readSnapshot(): Promise<SiteSnapshot>;
}

/** @param requireDb Returns the database, or throws while there is no connection. */
export function createSnapshotReader(requireDb: () => mongo.Db): SnapshotReader {
  const open = () => openSiteCollections(requireDb());
  return {
    readFingerprint: async () => {
      const parts = await Promise.all([open().sites, open().keys].map((each) => fingerprint(each as never)));
      return parts.join(' ');
    },
    readSnapshot: () => readSnapshot(open()),
  };
}

/** The number of documents and the last change. A removal changes the number. */
async function fingerprint(collection: mongo.Collection<{ updated_at: Date }>): Promise<string> {
  const [count, [latest]] = await Promise.all([
    collection.estimatedDocumentCount(),
    collection
      .find({}, { projection: { updated_at: 1 } })
      .sort({ updated_at: -1 })
      .limit(1)
      .toArray(),
  ]);
  return `${count} ${latest?.updated_at.getTime() ?? 0} ${latest?._id ?? ''}`;
}

async function readSnapshot({ sites, keys }: SiteCollections): Promise<SiteSnapshot> {
  const [allSites, validKeys] = await Promise.all([
    sites
      .find({}, { projection: { names: 1, domains: 1 } })
      .sort({ _id: 1 })
      .toArray(),
    keys.find({ revoked_at: null }).sort({ _id: 1 }).toArray(),
  ]);
  return {
    sites: allSites.map(({ _id, names, domains }) => ({ id: _id, names, domains })),
    keys: validKeys.map(({ _id, kind, site_id, expires_at }) => ({
      hash: _id,
      kind,
      site_id,
      expiresAtMs: expires_at?.getTime() ?? null,
    })),
  };
}
