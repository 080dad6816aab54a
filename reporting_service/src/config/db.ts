import { connectMongo } from '@analytics/shared/mongo/mongo';
import type { Connection } from 'mongoose';
import type { Config } from './config.ts';

/**
 * Opens the reading connection. It waits a little longer for an answer than a report may take on the server.
 */
export function connectDatabase(
  connection: Connection,
  config: Config,
  signal: AbortSignal,
): Promise<Error | undefined> {
  return connectMongo(connection, config.MONGO_URI, signal, {
    socketTimeoutMS: (config.STATS_TIMEOUT_SECONDS + 5) * 1000,
  });
}
