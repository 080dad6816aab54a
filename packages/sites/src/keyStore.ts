import type { mongo } from 'mongoose';
import { createKey, toKeyId } from './apiKey.ts';
import { openSiteCollections } from './documents.ts';
import { type KeyDocument, type KeyInput, type KeySummary, keyInputSchema } from './site.ts';

/** The API keys in MongoDB. Each change is effective in all services within ten seconds. */
export interface KeyStore {
  /** Lists the keys of a site, or all. The newest are first. */
  list(site_id?: string): Promise<KeySummary[]>;
  /** Creates a key. The result is the only place that has it. @throws ZodError */
  add(input: KeyInput): Promise<{ key: string; summary: KeySummary }>;
  /** Resolves with undefined if no key has this id. A revoked key stays in the list. */
  revoke(id: string): Promise<KeySummary | undefined>;
  /** Stores when keys were used: milliseconds since 1970, by the hash of the key. Ignores earlier times. */
  recordUses(uses: ReadonlyMap<string, number>): Promise<void>;
}

/** @param requireDb Returns the database, or throws while there is no connection. */
export function createKeyStore(requireDb: () => mongo.Db, now: () => Date = () => new Date()): KeyStore {
  const open = () => openSiteCollections(requireDb());
  return {
    list: async (site_id) => {
      const filter = site_id === undefined ? {} : { site_id };
      return (await open().keys.find(filter).sort({ created_at: -1, _id: 1 }).toArray()).map(toSummary);
    },
    add: async (input) => {
      const { kind, site_id, label, expires_at } = keyInputSchema.parse(input);
      const { key, hash } = createKey(kind);
      const at = now();
      const times = { created_at: at, updated_at: at, expires_at, revoked_at: null, last_used_at: null };
      const document: KeyDocument = { _id: hash, kind, site_id, label, ...times };
      await open().keys.insertOne(document);
      return { key, summary: toSummary(document) };
    },
    revoke: async (id) => {
      const hash = await findHash(open().keys, id);
      if (hash === undefined) {
        return undefined;
      }
      const at = now();
      await open().keys.updateOne(
        { _id: hash, revoked_at: null },
        { $set: { revoked_at: at, updated_at: at } },
      );
      const key = await open().keys.findOne({ _id: hash });
      return key ? toSummary(key) : undefined;
    },
    recordUses: async (uses) => {
      const updates = [...uses].map(([_id, ms]) => ({
        updateOne: { filter: { _id }, update: { $max: { last_used_at: new Date(ms) } } },
      }));
      if (updates.length > 0) {
        await open().keys.bulkWrite(updates, { ordered: false });
      }
    },
  };
}

/** Finds the hash that begins with an id, which `toKeyId` has made. */
async function findHash(keys: mongo.Collection<KeyDocument>, id: string): Promise<string | undefined> {
  if (!/^[0-9a-f]{12}$/.test(id)) {
    return undefined;
  }
  // 'g' follows 'f': all hashes that begin with the id.
  const key = await keys.findOne({ _id: { $gte: id, $lt: `${id}g` } }, { projection: { _id: 1 } });
  return key?._id;
}

function toSummary({ _id, kind, site_id, label, ...times }: KeyDocument): KeySummary {
  return {
    id: toKeyId(_id),
    kind,
    site_id,
    label,
    created_at: times.created_at.toISOString(),
    expires_at: times.expires_at?.toISOString() ?? null,
    revoked_at: times.revoked_at?.toISOString() ?? null,
    last_used_at: times.last_used_at?.toISOString() ?? null,
  };
}
