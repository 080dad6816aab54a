import type { Logger } from '@analytics/shared/logger';
import { createOutageLog } from '@analytics/shared/outageLog';
import { retryUntilDone } from '@analytics/shared/retryUntilDone';
import { ROLLUP_COLLECTIONS } from '@analytics/shared/rollup/rollupCollections';
import { type Connection, mongo } from 'mongoose';

interface Index {
  fields: mongo.IndexSpecification;
  unique?: boolean;
}

interface Collection {
  name: string;
  indexes: Index[];
}

interface IndexedModel {
  collection: { collectionName: string };
  schema: { indexes(): [Record<string, unknown>, unknown][] };
}

/**
 * Data and indexes take half of the disk with this compressor of what they take with the default one, which leaves indexes as they
 * are (docs/decisions/0009). In memory, from where reports are answered, they are uncompressed either way.
 */
const COMPRESSED = { storageEngine: { wiredTiger: { configString: 'block_compressor=zstd' } } };

/** What a server answers that lets nobody choose how it stores: some of the managed ones do. */
const REFUSED_OPTION_CODES = new Set<unknown>([
  2, // BadValue
  9, // FailedToParse
  13, // Unauthorized
  72, // InvalidOptions
  115, // CommandNotSupported
  8000, // AtlasError
]);

/** Somebody made it on purpose, with other options: a collection, or an index of the same fields or the same name. */
const EXISTING_CODES = new Set<unknown>([
  48, // NamespaceExists
  85, // IndexOptionsConflict
  86, // IndexKeySpecsConflict
]);

/**
 * Makes the collections and indexes that are missing. The writer does so, because it must be there before anything is to be read.
 * Tries until MongoDB lets it; resolves without them when `signal` ends that.
 */
export async function prepareCollections(
  connection: Connection,
  models: readonly IndexedModel[],
  signal: AbortSignal,
  logger: Logger,
): Promise<void> {
  const outageLog = createOutageLog(
    { began: "the collections and indexes can't be made", ended: 'the collections and indexes are made' },
    logger,
  );
  const prepare = async () => {
    const { db } = connection;
    if (db === undefined) {
      throw new mongo.MongoNotConnectedError('The connection to MongoDB was not opened yet.');
    }
    await Promise.all([...models.map(describeModel), ...ROLLUPS].map((each) => prepareOne(db, each, logger)));
  };
  try {
    await retryUntilDone(prepare, { isPassing: () => true, onFailure: outageLog.failed, signal });
    outageLog.recovered();
  } catch (error) {
    if (!signal.aborted) {
      throw error;
    }
  }
}

const ROLLUPS: Collection[] = [
  { name: ROLLUP_COLLECTIONS.rollups, indexes: [] },
  { name: ROLLUP_COLLECTIONS.userSets, indexes: [] },
  { name: ROLLUP_COLLECTIONS.marks, indexes: [{ fields: { ripe_at: 1 } }] },
  { name: ROLLUP_COLLECTIONS.sites, indexes: [{ fields: { number: 1 }, unique: true }] },
  { name: ROLLUP_COLLECTIONS.userSlots, indexes: [] },
  { name: ROLLUP_COLLECTIONS.states, indexes: [] },
];

function describeModel({ collection, schema }: IndexedModel): Collection {
  return {
    name: collection.collectionName,
    indexes: schema.indexes().map(([fields]) => ({ fields: fields as mongo.IndexSpecification })),
  };
}

async function prepareOne(db: mongo.Db, { name, indexes }: Collection, logger: Logger) {
  const existing = await db.listCollections({ name }, { nameOnly: true }).toArray();
  if (existing.length === 0) {
    await makeCompressed((storage) => db.createCollection(name, storage), logger);
  }
  for (const { fields, ...options } of indexes) {
    await makeCompressed(
      (storage) => db.collection(name).createIndex(fields, { ...options, ...storage }),
      logger,
    );
  }
}

/** Makes something, uncompressed where the server refuses; what is there in another form is left alone. */
async function makeCompressed(
  make: (storage: Partial<typeof COMPRESSED>) => Promise<unknown>,
  logger: Logger,
): Promise<void> {
  try {
    await make(COMPRESSED).catch((error: unknown) => {
      if (hasCode(error, REFUSED_OPTION_CODES)) {
        return make({});
      }
      throw error;
    });
  } catch (error) {
    if (!hasCode(error, EXISTING_CODES)) {
      throw error;
    }
    // A collection that another worker made at the same moment is as good as one's own.
    if (error.code !== 48) {
      logger.warn(`an index is left as it is: ${error.message}`);
    }
  }
}

function hasCode(error: unknown, codes: ReadonlySet<unknown>): error is mongo.MongoServerError {
  return error instanceof mongo.MongoServerError && codes.has(error.code);
}
