import type { mongo } from 'mongoose';
import type { KeyDocument, SiteDocument } from './site.ts';

export interface SiteCollections {
  sites: mongo.Collection<SiteDocument>;
  keys: mongo.Collection<KeyDocument>;
}

/** The collections, with the indexes that the processor builds. */
export const SITE_COLLECTIONS = [
  { name: 'sites', indexes: [{ key: { names: 1 }, unique: true }, { key: { updated_at: 1 } }] },
  { name: 'keys', indexes: [{ key: { site_id: 1 } }, { key: { updated_at: 1 } }] },
] satisfies { name: string; indexes: { key: Record<string, 1>; unique?: boolean }[] }[];

export function openSiteCollections(db: mongo.Db): SiteCollections {
  return { sites: db.collection('sites'), keys: db.collection('keys') };
}
