import { ROLLUP_COLLECTIONS } from '@analytics/rollups/documents';
import { keepTrying } from '@analytics/shared/async/keepTrying';
import { hasErrorCode } from '@analytics/shared/mongo/mongoErrors';
import type { Logger } from '@analytics/shared/service/logger';
import { createOutageLog } from '@analytics/shared/service/outageLog';
import { SITE_COLLECTIONS } from '@analytics/sites/documents';
import type { mongo } from 'mongoose';

/** An index as the driver describes it, such as `{key: {site_id: 1}}`. */
export interface Index {
  key: Record<string, 1 | -1>;
  unique?: boolean;
  /** MongoDB deletes a document this long after the date in the key. */
  expireAfterSeconds?: number;
}

/** A collection and its indexes, without the one on `_id`. */
export interface Collection {
  name: string;
  indexes: Index[];
}

interface IndexedModel {
  collection: { collectionName: string };
  schema: { indexes(): [Record<string, unknown>, Record<string, unknown>][] };
}

/**
 * With zstd, data and indexes take half of the disk space that they take with the default compressor, which
 * does not compress indexes (docs/decisions/0017). In memory they are uncompressed either way.
 */
const ZSTD = { storageEngine: { wiredTiger: { configString: 'block_compressor=zstd' } } };

/** Options of a new collection or index. */
export type StorageOptions = typeof ZSTD | Record<string, never>;

/** The answers of servers that do not accept storage options, such as some managed ones. */
const REJECTED_OPTION_CODES = [
  'BadValue',
  'FailedToParse',
  'Unauthorized',
  'InvalidOptions',
  'CommandNotSupported',
  'AtlasError',
] as const;

const ROLLUPS: Collection[] = [
  { name: ROLLUP_COLLECTIONS.counts, indexes: [] },
  { name: ROLLUP_COLLECTIONS.userBitmaps, indexes: [] },
  { name: ROLLUP_COLLECTIONS.invalidations, indexes: [{ key: { due_at: 1 } }] },
  { name: ROLLUP_COLLECTIONS.siteCodes, indexes: [{ key: { code: 1 }, unique: true }] },
  { name: ROLLUP_COLLECTIONS.userPages, indexes: [] },
  { name: ROLLUP_COLLECTIONS.meta, indexes: [] },
];

/** Lists the collections of the models, of the rollups and of the sites. */
export function listCollections(models: readonly IndexedModel[]): Collection[] {
  const ofModels = models.map(({ collection, schema }) => ({
    name: collection.collectionName,
    // Mongoose adds `background`, which MongoDB ignores.
    indexes: schema.indexes().map(([key, { background: _, ...options }]) => ({ key, ...options }) as Index),
  }));
  return [...ofModels, ...ROLLUPS, ...SITE_COLLECTIONS];
}

/**
 * Creates the missing collections, without their indexes. Retries until it succeeds. Resolves without them if
 * `signal` aborts first.
 */
export async function createCollections(
  db: mongo.Db,
  collections: readonly Collection[],
  signal: AbortSignal,
  logger: Logger,
): Promise<void> {
  const log = createOutageLog(
    { began: 'cannot create the collections', ended: 'the collections are created' },
    logger,
  );
  const create = () => Promise.all(collections.map(({ name }) => createCollection(db, name)));
  await keepTrying(create, { log, signal });
}

async function createCollection(db: mongo.Db, name: string): Promise<void> {
  const existing = await db.listCollections({ name }, { nameOnly: true }).toArray();
  if (existing.length > 0) {
    return;
  }
  try {
    await createWithZstd((options) => db.createCollection(name, options));
  } catch (error) {
    // Another worker created it at the same time.
    if (!hasErrorCode(error, 'NamespaceExists')) {
      throw error;
    }
  }
}

/**
 * Creates a collection or indexes with zstd, or with the server's default if the server rejects the option.
 */
export async function createWithZstd<Result>(
  create: (options: StorageOptions) => Promise<Result>,
): Promise<Result> {
  try {
    return await create(ZSTD);
  } catch (error) {
    if (hasErrorCode(error, ...REJECTED_OPTION_CODES)) {
      return create({});
    }
    throw error;
  }
}
