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

/** The state of a connection until MongoDB is usable. */
interface Opening {
  /** The error of the last attempt. */
  error?: Error;
  /** Emits `outcome` at the end of each attempt. */
  attempts: EventEmitter;
}

const openings = new WeakMap<Connection, Opening>();

/**
 * When a probe abandons a hung connection (ms). It is longer than the timeout of a watch, because a
 * connection may take a while on a busy machine.
 */
const PROBE_TIMEOUT_MS = 3000;

/** Enough for all pings that hang until the first one times out, so that no ping waits for another. */
const PROBE_CONNECTIONS = 5;

/** Creates a connection without opening it, so that models can be registered on it. */
export function createMongoConnection(): Connection {
  const connection = mongoose.createConnection();
  openings.set(connection, { attempts: new EventEmitter() });
  return connection;
}

/**
 * Opens a connection and checks that MongoDB is usable. Retries until it is; afterwards the driver reconnects
 * by itself. Logs nothing, because the dependency watch logs outages. Resolves without a connection if
 * `signal` aborts first.
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
      // Overrides the URI: a secondary may lag, and its answers and rollups would lack stored events.
      readPreference: 'primary',
      ...options,
    });
  const opening = openings.get(connection);
  const failed = (error: Error) => {
    if (opening) {
      opening.error = error;
      opening.attempts.emit('outcome');
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
    opening?.attempts.emit('outcome');
  }
}

/**
 * Checks the version, and the permission to use the database: a server that requires authentication answers a
 * ping without it.
 */
async function requireUsable({ db }: Connection): Promise<void> {
  const { version } = (await db?.admin().buildInfo()) ?? {};
  requireSupportedVersion(String(version));
  await db?.listCollections({}, { nameOnly: true, authorizedCollections: true }).toArray();
}

export interface MongoProbe {
  /**
   * Pings MongoDB. Until `connection` is open, it rejects with the error of the last attempt, and waits for
   * the first one.
   */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Creates a probe for the server of a connection. It has a client of its own. In the pool of the connection
 * it would wait for other commands, and MongoDB would seem away to a busy service.
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
        await once(opening.attempts, 'outcome');
      }
      if (opening?.error) {
        throw opening.error;
      }
      await client.db('admin').command({ ping: 1 });
    },
    close: () => closeMongo(client),
  };
}

/** Closes a connection. Does not wait long for a hung server, which would have to answer. */
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
 * Returns the database of a connection, for a command, which limits the time of `connectMongo`.
 *
 * @throws Error with the reason if the connection is not open or MongoDB not usable.
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
 * Describes a server by its hosts, without credentials, which must not reach a log. Describes no part of a
 * URI that does not match exactly.
 */
export function describeMongo(uri: string): string {
  const hosts = /^mongodb(?:\+srv)?:\/\/(?:[^/?@]*@)?([^/?@]+)(?:[/?][^@]*)?$/.exec(uri)?.[1];
  return hosts === undefined ? 'MongoDB' : `MongoDB at ${hosts}`;
}

/**
 * Checks that the driver can parse a URI, so that a wrong one ends the start.
 *
 * @throws SettingsError without any part of the URI, which may contain a password.
 */
export function requireMongoUri(uri: string): void {
  try {
    new mongoose.mongo.MongoClient(uri);
  } catch {
    // The driver's message may quote the URI.
    throw new SettingsError(
      'MONGO_URI is not a connection string that MongoDB understands. Special characters in the user name and the password must be percent-encoded, and options spelt as in the manual.',
    );
  }
}

function hasDatabase(uri: string): boolean {
  return /^mongodb(\+srv)?:\/\/[^/]+\/[^?]+/.test(uri);
}
