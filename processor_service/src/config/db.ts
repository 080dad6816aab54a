import type { Logger } from '@analytics/shared/logger';
import { connectMongo } from '@analytics/shared/mongo';
import { createOutageLog } from '@analytics/shared/outageLog';
import { retryUntilDone } from '@analytics/shared/retryUntilDone';
import { type Connection, type Model, mongo } from 'mongoose';
import type { Config } from './config.ts';

/** A write that got no answer by then counts as failed and is tried again; it is safe to store an event twice. */
const SOCKET_TIMEOUT_MS = 20_000;

/**
 * Opens the writing connection. A write counts only when a majority of the replica set has it in its journal, so that no
 * event is taken off the queue before it would survive a crash.
 */
export function connectDatabase(connection: Connection, config: Config, signal: AbortSignal): Promise<void> {
  return connectMongo(connection, config.MONGO_URI, signal, {
    writeConcern: { w: 'majority', journal: true },
    maxPoolSize: config.WORKER_CONCURRENCY + 2,
    socketTimeoutMS: SOCKET_TIMEOUT_MS,
  });
}

type IndexedModel = Pick<Model<unknown>, 'createIndexes'>;

/**
 * Builds the indexes that are missing. The writer does so, because it must be there before anything is to be read. Tries until
 * MongoDB lets it; resolves without them when `signal` ends that.
 */
export async function buildIndexes(
  models: IndexedModel[],
  signal: AbortSignal,
  logger: Logger,
): Promise<void> {
  const outageLog = createOutageLog(
    { began: "the indexes can't be built", ended: 'the indexes are built' },
    logger,
  );
  const build = () => Promise.all(models.map((model) => buildIndexesOf(model, logger)));
  try {
    await retryUntilDone(build, {
      isPassing: () => true,
      onFailure: outageLog.failed,
      signal,
    });
    outageLog.recovered();
  } catch (error) {
    if (!signal.aborted) {
      throw error;
    }
  }
}

/** An index of the same fields or the same name, with other options: somebody made it on purpose, and it does the same work. */
const CONFLICTING_INDEX_CODES = new Set<unknown>([85, 86]);

async function buildIndexesOf(model: IndexedModel, logger: Logger): Promise<void> {
  try {
    await model.createIndexes();
  } catch (error) {
    if (!(error instanceof mongo.MongoServerError && CONFLICTING_INDEX_CODES.has(error.code))) {
      throw error;
    }
    logger.warn(`an index is left as it is: ${error.message}`);
  }
}
