import { once } from 'node:events';
import { keepTrying } from '@analytics/shared/async/keepTrying';
import type { DependencyHealth } from '@analytics/shared/http/health';
import { closeMongo, createMongoConnection } from '@analytics/shared/mongo/mongo';
import { hasErrorCode } from '@analytics/shared/mongo/mongoErrors';
import type { DependencyWatch } from '@analytics/shared/service/dependencyWatch';
import type { Logger } from '@analytics/shared/service/logger';
import { createOutageLog } from '@analytics/shared/service/outageLog';
import type { Connection, mongo } from 'mongoose';
import { type Collection, createWithZstd, type Index } from './createCollections.ts';
import { createIndexProgress } from './indexProgress.ts';

/** Long pauses, because each attempt may scan a whole collection. */
const RETRY_DELAYS = { minDelayMs: 1000, maxDelayMs: 60_000 };

const OUTAGE_WORDS = { began: 'cannot build the indexes', ended: 'the indexes can be built again' };

export interface IndexBuildOptions {
  /** Opens a connection without a socket timeout. Resolves without one if the signal aborts first. */
  connect: (connection: Connection, signal: AbortSignal) => Promise<unknown>;
  collections: readonly Collection[];
  /** Logs that MongoDB is away. */
  mongoWatch: Pick<DependencyWatch, 'isUp'>;
  logger: Logger;
}

export interface IndexBuild {
  /** Whether every index exists. */
  readonly isDone: boolean;
  /** Warns about missing indexes in `/readyz`. */
  readonly health: Pick<DependencyHealth, 'warnings'>;
  /** Resolves when every index exists, or when `close` is called. */
  readonly finished: Promise<void>;
  /**
   * Stops waiting. MongoDB completes a build that it has begun, and the next worker waits for the same build.
   */
  close(): Promise<void>;
}

/**
 * Builds the missing indexes in the background: of all collections at the same time, and of one collection in
 * one scan. Any number of workers may do so together, because MongoDB builds an index once and then answers
 * all of them.
 */
export function startIndexBuild(options: IndexBuildOptions): IndexBuild {
  const { connect, mongoWatch, logger } = options;
  const collections = options.collections.filter(({ indexes }) => indexes.length > 0);
  const connection = createMongoConnection();
  const names = collections.map(({ name }) => name);
  const progress = createIndexProgress(connection, names, logger);
  const outageLog = createOutageLog(OUTAGE_WORDS, logger);
  const stopping = new AbortController();
  const { signal } = stopping;
  /** Why the last attempt failed, by collection. */
  const failures = new Map<string, string>();
  let isDone = false;

  function build(db: mongo.Db, { name, indexes }: Collection): Promise<boolean> {
    const failed = (error: Error) => {
      failures.set(name, error.message);
      if (mongoWatch.isUp) {
        outageLog.failed(error);
      }
    };
    return keepTrying(() => createIndexes(db.collection(name), indexes, logger), {
      log: { failed, recovered: () => failures.delete(name) },
      signal,
      ...RETRY_DELAYS,
    });
  }

  async function run(): Promise<void> {
    try {
      await connect(connection, signal);
      const { db } = connection;
      if (db === undefined || signal.aborted) {
        return;
      }
      progress.start();
      const built = await Promise.all(collections.map((collection) => build(db, collection)));
      if (built.every(Boolean)) {
        isDone = true;
        outageLog.recovered();
        progress.finish();
      }
    } finally {
      progress.stop();
      await closeMongo(connection);
    }
  }

  return {
    get isDone() {
      return isDone;
    },
    get health() {
      return isDone ? {} : { warnings: [describeMissing([...failures.values(), progress.text])] };
    },
    finished: Promise.race([run(), once(signal, 'abort').then(() => undefined)]),
    close: async () => {
      stopping.abort();
      progress.stop();
      await closeMongo(connection);
    },
  };
}

function describeMissing(details: readonly (string | undefined)[]): string {
  const state = details.filter(Boolean).join('; ');
  return `the indexes are not built yet${state && ` (${state})`}: until they are, reports are slow and nothing is rolled up`;
}

/**
 * Creates indexes in one scan of their collection. Skips an index if the collection has one with the same
 * fields or name and other options, because an operator made that one on purpose.
 */
async function createIndexes(
  collection: mongo.Collection,
  indexes: readonly Index[],
  logger: Logger,
): Promise<void> {
  try {
    await createWithZstd((options) =>
      collection.createIndexes(indexes.map((index) => ({ ...index, ...options }))),
    );
  } catch (error) {
    if (!hasErrorCode(error, 'IndexOptionsConflict', 'IndexKeySpecsConflict')) {
      throw error;
    }
    if (indexes.length === 1) {
      logger.warn(`an index is left as it is: ${error.message}`);
      return;
    }
    // One by one, so that the others are created.
    for (const index of indexes) {
      await createIndexes(collection, [index], logger);
    }
  }
}
