import { MONGO_ERROR_CODES } from './mongoErrors.ts';

/** The oldest MongoDB that the services work with. */
const MINIMUM_MAJOR_VERSION = 6;

const INSTALL_NEWER = `${MINIMUM_MAJOR_VERSION}.0 or newer is needed: upgrade it, or set MONGO_URI to another.`;

/** A MongoDB that stays unusable, however long a service waits. */
export class UnusableMongoError extends Error {
  override readonly name = 'UnusableMongoError';
}

/** @throws UnusableMongoError if MongoDB is older than 6.0. */
export function requireSupportedVersion(version: string): void {
  if (Number.parseInt(version, 10) < MINIMUM_MAJOR_VERSION) {
    throw new UnusableMongoError(`This MongoDB is version ${version}, and ${INSTALL_NEWER}`);
  }
}

/**
 * Adds to a known error of the first connection what it means and what to do. Returns any other error as it
 * is. Of the URI, the message contains at most the name of its database.
 */
export function explainMongoError(error: Error & { code?: unknown }, uri: string): Error {
  const { message } = error;
  if (/maximum wire version/.test(message)) {
    return new UnusableMongoError(`This MongoDB is too old, and ${INSTALL_NEWER}`, { cause: error });
  }
  const explanation = explain(error, uri);
  return explanation === undefined ? error : new Error(`${message}${explanation}`, { cause: error });
}

function explain({ message, code }: Error & { code?: unknown }, uri: string): string | undefined {
  if (code === MONGO_ERROR_CODES.AuthenticationFailed || /authentication failed|bad auth/i.test(message)) {
    const database = findUserDatabase(uri);
    return database === undefined
      ? ' The user name or the password in MONGO_URI is wrong.'
      : ` The user was looked up in the database "${database}", which MONGO_URI names. If it was created in "admin", as root is, add authSource=admin to MONGO_URI: mongodb://…/${database}?authSource=admin`;
  }
  if (code === MONGO_ERROR_CODES.Unauthorized && /requires authentication/i.test(message)) {
    return ': set MONGO_URI to one with a user name and a password, mongodb://<user>:<password>@<host>/analytics?authSource=admin';
  }
  if (/^connection .* closed$|ECONNRESET/.test(message)) {
    return '. If this MongoDB asks for TLS, add tls=true to MONGO_URI.';
  }
  return undefined;
}

/**
 * The database in which MongoDB looks up the user, if it is the database of the events only because the URI
 * names no other.
 */
function findUserDatabase(uri: string): string | undefined {
  const [, database, options = ''] = /^mongodb:\/\/[^/]+\/([^?]+)(?:\?(.*))?$/.exec(uri) ?? [];
  const isChosen = /(?:^|&)(?:authSource|authMechanism)=/i.test(options);
  return database === 'admin' || isChosen ? undefined : database;
}
