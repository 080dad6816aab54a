import { EventEmitter, once } from 'node:events';
import mongoose, { type Connection, type ConnectOptions } from 'mongoose';
import { keepTrying } from '../async/keepTrying.ts';
import { TimeoutError, withTimeout } from '../async/withTimeout.ts';
import { SettingsError } from '../service/config.ts';
import { explainMongoError, requireSupportedVersion, UnusableMongoError } from './explainMongoError.ts';

const DEFAULT_DATABASE = 'analytics';
const SERVER_SELECTION_TIMEOUT_MS = 1500;
const HEARTBEAT_INTERVAL_MS = 2000;
const RECONNECT_DELAY_MS = 500;
const CLOSE_TIMEOUT_MS = 1000;

/** What is known of a connection until MongoDB can be used. */
interface Opening {
  /** Why it could not be used so far. */
  error?: Error;
  /** Emits `outcome` when a try has ended, however. */
  tries: EventEmitter;
}

const openings = new WeakMap<Connection, Opening>();

/**
 * When a probe gives up a connection that hangs. A watch judges long before; on a busy machine a connection
 * may take a while.
 */
const PROBE_TIMEOUT_MS = 3000;

/**
 * Enough for all pings that hang until the first of them is given up, so that the next one never waits behind
 * them.
 */
const PROBE_CONNECTIONS = 5;

/** Makes a connection that is not open yet, so that models can be registered on it. */
export function createMongoConnection(): Connection {
  const connection = mongoose.createConnection();
  openings.set(connection, { tries: new EventEmitter() });
  return connection;
}

/**
 * Opens a connection and makes sure that this MongoDB can be used, retrying until it can; once open, the
 * driver reconnects by itself. It logs nothing: the dependency watch logs outages. Resolves without a
 * connection when `signal` ends the retries.
 *
 * @throws UnusableMongoError if MongoDB is too old.
 */
export async function connectMongo(
  connection: Connection,
  uri: string,
  signal: AbortSignal,
  options: ConnectOptions,
): Promise<void> {
  const open = () =>
    connection.openUri(uri, {
      serverSelectionTimeoutMS: SERVER_SELECTION_TIMEOUT_MS,
      heartbeatFrequencyMS: HEARTBEAT_INTERVAL_MS,
      ...(hasDatabase(uri) ? {} : { dbName: DEFAULT_DATABASE }),
      // Whatever the URI says: a secondary may be behind, and answers and rollups made there would lack what
      // was stored.
      readPreference: 'primary',
      ...options,
    });
  const opening = openings.get(connection);
  const failed = (error: Error) => {
    if (opening) {
      opening.error = error;
      opening.tries.emit('outcome');
    }
  };
  const keepTryingTo = (operation: () => Promise<unknown>) =>
    keepTrying(
      () =>
        operation().catch((error) => {
          throw explainMongoError(error, uri);
        }),
      {
        isTransient: (error) => !(error instanceof UnusableMongoError),
        log: { failed, recovered: () => {} },
        signal,
        maxDelayMs: RECONNECT_DELAY_MS,
      },
    );
  if ((await keepTryingTo(open)) && (await keepTryingTo(() => requireUsable(connection)))) {
    openings.delete(connection);
    delete opening?.error;
    opening?.tries.emit('outcome');
  }
}

/**
 * Asks MongoDB for its version, and for something that it tells only to those who may use the database: a
 * server that asks for users answers a ping, too.
 */
async function requireUsable({ db }: Connection): Promise<void> {
  const { version } = (await db?.admin().buildInfo()) ?? {};
  requireSupportedVersion(String(version));
  await db?.listCollections({}, { nameOnly: true, authorizedCollections: true }).toArray();
}

export interface MongoProbe {
  /**
   * Asks MongoDB for a sign of life. Before `connection` could be used once it rejects with why, as soon as
   * that is known.
   */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Makes a probe for the server of a connection. It has a client of its own: in the pool of the connection it
 * would wait behind the work, and a busy service would take MongoDB for dead.
 */
export function createMongoProbe(connection: Connection, uri: string): MongoProbe {
  const client = new mongoose.mongo.MongoClient(uri, {
    minPoolSize: 0,
    maxPoolSize: PROBE_CONNECTIONS,
    serverSelectionTimeoutMS: SERVER_SELECTION_TIMEOUT_MS,
    connectTimeoutMS: PROBE_TIMEOUT_MS,
    socketTimeoutMS: PROBE_TIMEOUT_MS,
    heartbeatFrequencyMS: HEARTBEAT_INTERVAL_MS,
    readPreference: 'primary',
  });
  return {
    ping: async () => {
      const opening = openings.get(connection);
      if (opening && !opening.error) {
        await once(opening.tries, 'outcome');
      }
      if (opening?.error) {
        throw opening.error;
      }
      await client.db('admin').command({ ping: 1 });
    },
    close: () => closeMongo(client),
  };
}

/** Closes a connection. A server that hangs is not waited for: it would have to answer the goodbye. */
export async function closeMongo(connection: { close: (force: boolean) => Promise<void> }): Promise<void> {
  try {
    await withTimeout(connection.close(true), CLOSE_TIMEOUT_MS);
  } catch (error) {
    if (!(error instanceof TimeoutError)) {
      throw error;
    }
  }
}

/**
 * The database of a connection that `connectMongo` has opened. For a command, which waits only so long.
 *
 * @throws Error that says why it could not be opened, or not be used.
 */
export function requireDatabase(connection: Connection, uri: string): mongoose.mongo.Db {
  const opening = openings.get(connection);
  if (opening || !connection.db) {
    const reason = opening?.error?.message ?? 'it does not answer';
    throw new Error(`${describeMongo(uri)} can't be used: ${reason}`);
  }
  return connection.db;
}

/**
 * How a person finds the server: its hosts, without the credentials, which must not reach a log. Of a URI
 * that can't be taken apart for sure, nothing.
 */
export function describeMongo(uri: string): string {
  const hosts = /^mongodb(?:\+srv)?:\/\/(?:[^/?@]*@)?([^/?@]+)(?:[/?][^@]*)?$/.exec(uri)?.[1];
  return hosts === undefined ? 'MongoDB' : `MongoDB at ${hosts}`;
}

/**
 * Makes sure that the driver understands a URI, so that one that can never work ends the start.
 *
 * @throws SettingsError without any part of the URI, which may hold a password.
 */
export function requireMongoUri(uri: string): void {
  try {
    new mongoose.mongo.MongoClient(uri);
  } catch {
    // The driver's words can quote the URI.
    throw new SettingsError(
      'MONGO_URI is not a connection string that MongoDB understands. Special characters in the user name and the password must be percent-encoded, and options spelt as in the manual.',
    );
  }
}

function hasDatabase(uri: string): boolean {
  return /^mongodb(\+srv)?:\/\/[^/]+\/[^?]+/.test(uri);
}
