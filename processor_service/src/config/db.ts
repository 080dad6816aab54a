import { connectMongo } from '@analytics/shared/mongo';
import type { Connection } from 'mongoose';
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
