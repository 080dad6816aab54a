import mongoose, { type Connection, type ConnectOptions } from 'mongoose';
import { keepTrying } from '../async/keepTrying.ts';
import { waitAtMost } from '../async/withTimeout.ts';
import { SettingsError } from '../service/config.ts';
import { explainMongoError, requireSupportedVersion, UnusableMongoError } from './explainMongoError.ts';

const DEFAULT_DATABASE = 'analytics';
const SERVER_SELECTION_TIMEOUT_MS = 1500;
const HEARTBEAT_INTERVAL_MS = 2000;
const RECONNECT_DELAY_MS = 500;
const CLOSE_TIMEOUT_MS = 1000;

/**
 * The event of a connection after each attempt to open it; its argument is the error, if the attempt failed.
 */
const ATTEMPT_EVENT = 'attempt';

/**
 * When a probe gives up a connection that hangs (ms). Longer than the watch waits: a busy machine is slow.
 */
const PROBE_TIMEOUT_MS = 3000;

/** Enough for all pings that hang until the first of them times out, so that the next one never waits. */
const PROBE_CONNECTIONS = 5;

/** Creates a connection that is not open yet, so that models can be registered on it. */
export function createMongoConnection(): Connection {
  return mongoose.createConnection();
}

/**
 * Opens a connection and makes sure that this MongoDB can be used, retrying until it can; once open, the
 * driver reconnects by itself. It logs nothing: the dependency watch logs outages. Resolves with the last
 * error if `signal` ends the attempts first.
 *
 * @throws UnusableMongoError if MongoDB is too old.
 */
export async function connectMongo(
  connection: Connection,
  uri: string,
  signal: AbortSignal,
  options: ConnectOptions,
): Promise<Error | undefined> {
  let failure: Error | undefined = new Error('it does not answer');
  const open = () =>
    connection.openUri(uri, {
      serverSelectionTimeoutMS: SERVER_SELECTION_TIMEOUT_MS,
      heartbeatFrequencyMS: HEARTBEAT_INTERVAL_MS,
      ...(hasDatabase(uri) ? {} : { dbName: DEFAULT_DATABASE }),
      // Overrides the URI: a secondary may lag, and reports and rollups from it would lack stored events.
      readPreference: 'primary',
      ...options,
    });
  const failed = (error: Error) => {
    failure = error;
    connection.emit(ATTEMPT_EVENT, error);
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
    failure = undefined;
    connection.emit(ATTEMPT_EVENT);
  }
  return failure;
}

/**
 * Asks MongoDB for its version, and for a list that only users of the database get: a server that requires
 * authentication answers a ping without it.
 */
async function requireUsable({ db }: Connection): Promise<void> {
  const { version } = (await db?.admin().buildInfo()) ?? {};
  requireSupportedVersion(String(version));
  await db?.listCollections({}, { nameOnly: true, authorizedCollections: true }).toArray();
}

export interface MongoProbe {
  /**
   * Resolves when MongoDB answers. Until the connection has been opened, it waits for the first attempt and
   * rejects with the error of the last one.
   */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Creates the probe of a connection that is not being opened yet. The probe has its own client: in the pool
 * of the connection it would wait behind the work, and a busy service would consider MongoDB dead.
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
  let failure: Error | undefined;
  const firstAttempt = new Promise<void>((resolve) => {
    connection.on(ATTEMPT_EVENT, (error?: Error) => {
      failure = error;
      resolve();
    });
  });
  return {
    ping: async () => {
      await firstAttempt;
      if (failure) {
        throw failure;
      }
      await client.db('admin').command({ ping: 1 });
    },
    close: () => closeMongo(client),
  };
}

/** Closes a connection. Waits at most a second for a server that hangs. */
export function closeMongo(connection: { close: (force: boolean) => Promise<void> }): Promise<void> {
  return waitAtMost(connection.close(true), CLOSE_TIMEOUT_MS);
}

/**
 * The database of an open connection, for a command, which waits for MongoDB only for a limited time.
 *
 * @param failure What `connectMongo` resolved with.
 * @throws Error that says why the connection could not be opened.
 */
export function requireDatabase(
  { db }: Connection,
  uri: string,
  failure: Error | undefined,
): mongoose.mongo.Db {
  if (failure || !db) {
    throw new Error(`${describeMongo(uri)} can't be used: ${failure?.message ?? 'it is not connected'}`);
  }
  return db;
}

/**
 * Describes a server by its hosts, without the credentials, which must not reach a log. A URI of an unknown
 * form is described as MongoDB only.
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
