import { mongo } from 'mongoose';

/** What the server answers to a group that outgrew a document or the memory it may use. */
const TOO_LARGE_CODES = new Set<unknown>([
  146, // ExceededMemoryLimit
  10334, // BSONObjectTooLarge
  13548, // a buffer of 64 MiB
  17419, // a $push of more than fits
]);

/**
 * A stage after a `$group` that collects lists. It lets everything pass, and makes the server say so when a
 * group is larger than a document may be, 16 MiB: without it the server closes the connection over the answer
 * that it can't send.
 */
export function refuseLargeGroups() {
  return { $match: { $expr: { $gt: [{ $bsonSize: '$$ROOT' }, 0] } } };
}

/** Whether an aggregation failed because a group was too large. */
export function isTooLargeGroup(error: unknown): boolean {
  return error instanceof mongo.MongoServerError && TOO_LARGE_CODES.has(error.code);
}
