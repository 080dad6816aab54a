import mongoose, { type Connection, type ConnectOptions } from 'mongoose';
import type { Logger } from './logger.ts';
import { createOutageLog } from './outageLog.ts';
import { retryUntilDone } from './retryUntilDone.ts';

const DEFAULT_DATABASE = 'analytics';
const SERVER_SELECTION_TIMEOUT_MS = 1500;
const RECONNECT_DELAY_MS = 500;

/** Makes a connection that is not open yet, so that models can be registered on it. */
export function createMongoConnection(): Connection {
  return mongoose.createConnection();
}

export interface ConnectOptionsOfService extends ConnectOptions {
  /** Ends the waiting, for a service that is told to stop before MongoDB was there. */
  signal: AbortSignal;
}

/**
 * Opens a connection, waiting for MongoDB as long as it takes and saying so; once open, the driver reconnects by itself.
 * Resolves with false only if `signal` ended the waiting.
 */
export async function connectMongo(
  connection: Connection,
  uri: string,
  { signal, ...options }: ConnectOptionsOfService,
  logger: Logger,
): Promise<boolean> {
  return waitForMongo(
    () =>
      connection.openUri(uri, {
        serverSelectionTimeoutMS: SERVER_SELECTION_TIMEOUT_MS,
        ...(hasDatabase(uri) ? {} : { dbName: DEFAULT_DATABASE }),
        ...options,
      }),
    { dependency: `MongoDB at ${describeHosts(uri)}`, signal, logger },
  );
}

export interface MongoWait {
  /** What is waited for, as the log calls it. */
  dependency: string;
  signal: AbortSignal;
  logger: Logger;
}

/**
 * Does what a service needs done before its work, trying until MongoDB lets it and saying so. Resolves with false only if
 * `signal` ended the waiting.
 */
export async function waitForMongo(
  operation: () => Promise<unknown>,
  { dependency, signal, logger }: MongoWait,
): Promise<boolean> {
  const outageLog = createOutageLog(dependency, logger);
  try {
    await retryUntilDone(operation, {
      isPassing: () => true,
      onFailure: outageLog.failed,
      signal,
      maxDelayMs: RECONNECT_DELAY_MS,
    });
    outageLog.recovered();
    return true;
  } catch (error) {
    if (signal.aborted) {
      return false;
    }
    throw error;
  }
}

function hasDatabase(uri: string): boolean {
  return /^mongodb(\+srv)?:\/\/[^/]+\/[^?]+/.test(uri);
}

/** The hosts of a URI without the credentials, which must not reach a log. */
function describeHosts(uri: string): string {
  const authority = uri.replace(/^mongodb(\+srv)?:\/\//, '').split(/[/?]/, 1)[0] ?? '';
  return authority.slice(authority.lastIndexOf('@') + 1);
}

/** Asks MongoDB for a sign of life. Rejects at once while no connection was ever made. */
export async function pingMongo(connection: Connection): Promise<void> {
  if (!connection.db) {
    throw new Error('not connected yet');
  }
  await connection.db.admin().ping();
}
