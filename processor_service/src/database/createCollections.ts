import { ROLLUP_COLLECTIONS } from '@analytics/rollups/documents';
import { retryUntilDone } from '@analytics/shared/async/retryUntilDone';
import type { Logger } from '@analytics/shared/service/logger';
import { createOutageLog } from '@analytics/shared/service/outageLog';
import { type Connection, mongo } from 'mongoose';

/** An index in the driver's form, such as `{key: {site_id: 1}}`. */
export interface Index {
  key: Record<string, 1 | -1>;
  unique?: boolean;
}

/** A collection of the processor and the indexes that it needs besides the one on `_id`. */
export interface Collection {
  name: string;
  indexes: Index[];
}

interface IndexedModel {
  collection: { collectionName: string };
  schema: { indexes(): [Record<string, unknown>, unknown][] };
}

/**
 * Data and indexes take half of the disk with this compressor of what they take with the default one, which
 * leaves indexes as they are (docs/decisions/0009). In memory, from where reports are answered, they are
 * uncompressed either way.
 */
const COMPRESSED = { storageEngine: { wiredTiger: { configString: 'block_compressor=zstd' } } };

/** How a collection or an index is stored: compressed, or as the server likes. */
export type Storage = typeof COMPRESSED | Record<string, never>;

/**
 * Answers of a server that does not let its clients choose how it stores: some of the managed ones do not.
 */
const REFUSED_OPTION_CODES = new Set<unknown>([
  2, // BadValue
  9, // FailedToParse
  13, // Unauthorized
  72, // InvalidOptions
  115, // CommandNotSupported
  8000, // AtlasError
]);

const NAMESPACE_EXISTS_CODES = new Set<unknown>([48]);

const ROLLUPS: Collection[] = [
  { name: ROLLUP_COLLECTIONS.counts, indexes: [] },
  { name: ROLLUP_COLLECTIONS.userBitmaps, indexes: [] },
  { name: ROLLUP_COLLECTIONS.invalidations, indexes: [{ key: { due_at: 1 } }] },
  { name: ROLLUP_COLLECTIONS.siteCodes, indexes: [{ key: { code: 1 }, unique: true }] },
  { name: ROLLUP_COLLECTIONS.userPages, indexes: [] },
  { name: ROLLUP_COLLECTIONS.meta, indexes: [] },
];

/** Lists the collections of the models and of the rollups. */
export function listCollections(models: readonly IndexedModel[]): Collection[] {
  const ofModels = models.map(({ collection, schema }) => ({
    name: collection.collectionName,
    indexes: schema.indexes().map(([fields]) => ({ key: fields as Index['key'] })),
  }));
  return [...ofModels, ...ROLLUPS];
}

/**
 * Creates the collections that are missing, without their indexes. The writer does so, because events are
 * stored before anything is read. Retries until MongoDB lets it; resolves without them when `signal` aborts
 * the retries.
 */
export async function createCollections(
  connection: Connection,
  collections: readonly Collection[],
  signal: AbortSignal,
  logger: Logger,
): Promise<void> {
  const outageLog = createOutageLog(
    { began: 'cannot create the collections', ended: 'the collections are created' },
    logger,
  );
  const create = async () => {
    const { db } = connection;
    if (db === undefined) {
      throw new mongo.MongoNotConnectedError('The connection to MongoDB was not opened yet.');
    }
    await Promise.all(collections.map(({ name }) => createCollection(db, name)));
  };
  try {
    await retryUntilDone(create, { isPassing: () => true, onFailure: outageLog.failed, signal });
    outageLog.recovered();
  } catch (error) {
    if (!signal.aborted) {
      throw error;
    }
  }
}

async function createCollection(db: mongo.Db, name: string): Promise<void> {
  const existing = await db.listCollections({ name }, { nameOnly: true }).toArray();
  if (existing.length > 0) {
    return;
  }
  try {
    await makeCompressed((storage) => db.createCollection(name, storage));
  } catch (error) {
    // Another worker created it at the same moment.
    if (!hasCode(error, NAMESPACE_EXISTS_CODES)) {
      throw error;
    }
  }
}

/** Makes a collection or indexes compressed, or as the server likes if it lets nobody choose. */
export async function makeCompressed<Result>(make: (storage: Storage) => Promise<Result>): Promise<Result> {
  try {
    return await make(COMPRESSED);
  } catch (error) {
    if (hasCode(error, REFUSED_OPTION_CODES)) {
      return make({});
    }
    throw error;
  }
}

/** Whether an error is MongoDB's answer with one of these codes. */
export function hasCode(error: unknown, codes: ReadonlySet<unknown>): error is mongo.MongoServerError {
  return error instanceof mongo.MongoServerError && codes.has(error.code);
}
