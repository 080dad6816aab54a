import { hasErrorCode } from '@analytics/shared/mongo/mongoErrors';
import type { mongo } from 'mongoose';
import { openSiteCollections } from './documents.ts';
import {
  type Site,
  type SiteChanges,
  type SiteDocument,
  type SiteInput,
  siteChangesSchema,
  siteInputSchema,
} from './site.ts';

/** A name of a new or changed site already names another site. */
export class NameTakenError extends Error {
  override readonly name = 'NameTakenError';
}

/** The sites in MongoDB. Each change is effective in all services within ten seconds. */
export interface SiteStore {
  list(): Promise<Site[]>;
  /** Finds a site by its id or an alias. */
  find(name: string): Promise<Site | undefined>;
  /** @throws ZodError; NameTakenError if the id or an alias names another site. */
  add(input: SiteInput): Promise<Site>;
  /** Resolves with undefined if there is no such site. Throws as `add` does. */
  change(id: string, changes: SiteChanges): Promise<Site | undefined>;
  /** Removes a site and its keys, not its events. Resolves with whether there was one. */
  remove(id: string): Promise<boolean>;
}

/** @param requireDb Returns the database, or throws while there is no connection. */
export function createSiteStore(requireDb: () => mongo.Db, now: () => Date = () => new Date()): SiteStore {
  const open = () => openSiteCollections(requireDb());
  return {
    list: async () => (await open().sites.find().sort({ _id: 1 }).toArray()).map(toSite),
    find: async (name) => {
      const site = await open().sites.findOne({ names: name });
      return site ? toSite(site) : undefined;
    },
    add: async (input) => {
      const { id, name = id, domains, aliases, retention_days } = siteInputSchema.parse(input);
      const at = now();
      const lists = toLists(id, { domains, aliases });
      const site = { _id: id, name, ...lists, retention_days, created_at: at, updated_at: at };
      await requireFreeNames(open().sites, site);
      await guardNames(() => open().sites.insertOne(site));
      return toSite(site);
    },
    change: async (id, changes) => {
      const { name, retention_days, ...lists } = siteChangesSchema.parse(changes);
      const update = {
        updated_at: now(),
        ...(name !== undefined && { name }),
        ...(retention_days !== undefined && { retention_days }),
        ...toLists(id, lists),
      };
      await requireFreeNames(open().sites, { _id: id, ...update });
      const options = { returnDocument: 'after' } as const;
      const site = await guardNames(() =>
        open().sites.findOneAndUpdate({ _id: id }, { $set: update }, options),
      );
      return site ? toSite(site) : undefined;
    },
    remove: async (id) => {
      // The keys first: a key must not outlive its site.
      await open().keys.deleteMany({ site_id: id });
      const { deletedCount } = await open().sites.deleteOne({ _id: id });
      return deletedCount > 0;
    },
  };
}

/** The stored lists, for those that are given. */
function toLists(id: string, { domains, aliases }: Pick<SiteChanges, 'domains' | 'aliases'>) {
  return {
    ...(domains && { domains: [...new Set(domains)] }),
    ...(aliases && { names: [...new Set([id, ...aliases])] }),
  } as Pick<SiteDocument, 'domains' | 'names'>;
}

/** The unique index decides; it exists once a processor has been started. @throws NameTakenError */
async function requireFreeNames(
  sites: mongo.Collection<SiteDocument>,
  { _id, names }: Pick<SiteDocument, '_id' | 'names'>,
): Promise<void> {
  if (names && (await sites.countDocuments({ _id: { $ne: _id }, names: { $in: names } }, { limit: 1 })) > 0) {
    throw new NameTakenError(NAME_TAKEN);
  }
}

const NAME_TAKEN = 'The id or an alias already names another site.';

async function guardNames<Result>(write: () => Promise<Result>): Promise<Result> {
  try {
    return await write();
  } catch (error) {
    if (hasErrorCode(error, 'DuplicateKey')) {
      throw new NameTakenError(NAME_TAKEN, { cause: error });
    }
    throw error;
  }
}

function toSite({ _id, name, domains, names, retention_days, created_at, updated_at }: SiteDocument): Site {
  return {
    id: _id,
    name,
    domains,
    aliases: names.filter((each) => each !== _id),
    retention_days: retention_days ?? null,
    created_at: created_at.toISOString(),
    updated_at: updated_at.toISOString(),
  };
}
