import { mongo } from 'mongoose';

const DUPLICATE_KEY = 11000;

/** Whether a write failed because a unique index already contains the key. */
export function isDuplicateKey(error: unknown): boolean {
  return error instanceof mongo.MongoServerError && error.code === DUPLICATE_KEY;
}

/** Whether a bulk write failed only because unique indexes already contain its keys. */
export function isOnlyDuplicateKeys(error: unknown): boolean {
  if (!(error instanceof mongo.MongoBulkWriteError) || error.result.getWriteConcernError()) {
    return false;
  }
  // Without write errors the whole command failed, or the connection.
  const writeErrors = [error.writeErrors].flat();
  return writeErrors.length > 0 && writeErrors.every(({ code }) => code === DUPLICATE_KEY);
}
