import { mongo } from 'mongoose';

const DUPLICATE_KEY = 11000;

/** Whether a bulk write failed only because documents of the same `_id` are there. */
export function isOnlyDuplicates(error: unknown): boolean {
  return (
    error instanceof mongo.MongoBulkWriteError &&
    error.result.getWriteConcernError() === undefined &&
    [error.writeErrors].flat().every(({ code }) => code === DUPLICATE_KEY)
  );
}
