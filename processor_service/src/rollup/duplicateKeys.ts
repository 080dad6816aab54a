import { mongo } from 'mongoose';

const DUPLICATE_KEY = 11000;

/** Whether a bulk write failed only because documents of the same `_id` are there. */
export function isOnlyDuplicates(error: unknown): boolean {
  if (!(error instanceof mongo.MongoBulkWriteError) || error.result.getWriteConcernError()) {
    return false;
  }
  // None: the whole command failed, or the connection.
  const writeErrors = [error.writeErrors].flat();
  return writeErrors.length > 0 && writeErrors.every(({ code }) => code === DUPLICATE_KEY);
}
