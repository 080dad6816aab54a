import { mongo } from 'mongoose';

/** Error codes of the server (https://www.mongodb.com/docs/manual/reference/error-codes/). */
export const MONGO_ERROR_CODES = {
  BadValue: 2,
  FailedToParse: 9,
  Unauthorized: 13,
  AuthenticationFailed: 18,
  NamespaceExists: 48,
  MaxTimeMSExpired: 50,
  InvalidOptions: 72,
  IndexOptionsConflict: 85,
  IndexKeySpecsConflict: 86,
  CommandNotSupported: 115,
  DocumentValidationFailure: 121,
  ExceededMemoryLimit: 146,
  AtlasError: 8000,
  BSONObjectTooLarge: 10334,
  DuplicateKey: 11000,
  /** The server does not name this code: a buffer of more than 64 MiB. */
  BufferTooLarge: 13548,
  /** The server does not name this code: a `$push` of more than a document's limit. */
  PushTooLarge: 17419,
} as const;

/** Whether an error is the server's answer with one of these codes. */
export function hasErrorCode(
  error: unknown,
  ...names: (keyof typeof MONGO_ERROR_CODES)[]
): error is mongo.MongoServerError {
  return (
    error instanceof mongo.MongoServerError && names.some((name) => MONGO_ERROR_CODES[name] === error.code)
  );
}

/** Whether a bulk write failed only because unique indexes already contain its keys. */
export function isOnlyDuplicateKeys(error: unknown): boolean {
  if (!(error instanceof mongo.MongoBulkWriteError) || error.result.getWriteConcernError()) {
    return false;
  }
  // Without write errors, the whole command failed, or the connection.
  const writeErrors = [error.writeErrors].flat();
  return writeErrors.length > 0 && writeErrors.every(({ code }) => code === MONGO_ERROR_CODES.DuplicateKey);
}
