import { connectMongo } from '@analytics/shared/mongo/mongo';
import type { Connection } from 'mongoose';
import type { Config } from './config.ts';

/** A write without an answer within this time fails and is repeated (ms). Storing an event twice is safe. */
const SOCKET_TIMEOUT_MS = 20_000;

const WRITE_CONCERN = { w: 'majority', journal: true } as const;

/**
 * Opens the connection for writes. A write counts once it is in the journals of a majority of the replica
 * set, so an event leaves the queue only when it survives a crash.
 */
export function connectDatabase(
  connection: Connection,
  config: Config,
  signal: AbortSignal,
): Promise<Error | undefined> {
  return connectMongo(connection, config.MONGO_URI, signal, {
    writeConcern: WRITE_CONCERN,
    maxPoolSize: config.WORKER_CONCURRENCY + 2,
    socketTimeoutMS: SOCKET_TIMEOUT_MS,
  });
}

/**
 * Opens the connection for index builds, which may take hours, without a socket timeout. After a timeout the
 * server would continue the build, and each retry would wait for the same build.
 */
export function connectIndexBuilder(
  connection: Connection,
  config: Config,
  signal: AbortSignal,
): Promise<Error | undefined> {
  return connectMongo(connection, config.MONGO_URI, signal, {
    writeConcern: WRITE_CONCERN,
    socketTimeoutMS: 0,
  });
}
