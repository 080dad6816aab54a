import { connectMongo } from '@analytics/shared/mongo/mongo';
import type { Connection } from 'mongoose';
import type { Config } from './config.ts';

/**
 * A write that got no answer by then counts as failed and is tried again; it is safe to store an event twice.
 */
const SOCKET_TIMEOUT_MS = 20_000;

const WRITE_CONCERN = { w: 'majority', journal: true } as const;

/**
 * Opens the writing connection. A write counts only when a majority of the replica set has it in its journal,
 * so that no event is taken off the queue before it would survive a crash.
 */
export function connectDatabase(connection: Connection, config: Config, signal: AbortSignal): Promise<void> {
  return connectMongo(connection, config.MONGO_URI, signal, {
    writeConcern: WRITE_CONCERN,
    maxPoolSize: config.WORKER_CONCURRENCY + 2,
    socketTimeoutMS: SOCKET_TIMEOUT_MS,
  });
}

/**
 * Opens the connection that waits for index builds, which may take hours: it has no socket timeout. The
 * server would go on with a build whose client gave up, and each further try would only be one more that
 * waits.
 */
export function connectIndexBuilder(
  connection: Connection,
  config: Config,
  signal: AbortSignal,
): Promise<void> {
  return connectMongo(connection, config.MONGO_URI, signal, {
    writeConcern: WRITE_CONCERN,
    socketTimeoutMS: 0,
  });
}
