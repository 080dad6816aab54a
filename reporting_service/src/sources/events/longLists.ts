/** The longest list of users in one document, in bytes: about 120,000 users. */
const MAX_LIST_BYTES = 6 * 1024 * 1024;

/** The documents of one reply, so that it has at most two lists of that length. */
export const LISTS_PER_REPLY = 2;

/**
 * A stage after a `$group` that collects `users`. It omits lists that are too long, and makes the server
 * return an error if a group exceeds the size of a document (groupSize.ts in packages/shared).
 */
export function leaveOutLongLists() {
  const isShort = { $lte: [{ $bsonSize: '$$ROOT' }, MAX_LIST_BYTES] };
  return { $set: { users: { $cond: [isShort, '$users', '$$REMOVE'] } } };
}
