import { hasErrorCode } from './mongoErrors.ts';

/**
 * A stage after a `$group` that collects lists. It changes nothing, but makes the server report a group that
 * exceeds the limit of a document, 16 MiB. Without it, the server closes the connection, because it cannot
 * send the answer.
 */
export function failOnOversizedGroups() {
  return { $match: { $expr: { $gt: [{ $bsonSize: '$$ROOT' }, 0] } } };
}

/** Whether an aggregation failed because a group exceeded the limit of a document or of its memory. */
export function isGroupTooLarge(error: unknown): boolean {
  return hasErrorCode(error, 'ExceededMemoryLimit', 'BSONObjectTooLarge', 'BufferTooLarge', 'PushTooLarge');
}
