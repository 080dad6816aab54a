/** The longest list of users that is sent as one document, in bytes: some 120,000 users. */
const MAX_LIST_BYTES = 6 * 1024 * 1024;

/** Documents of one reply, so that it has no more than two lists of that length. */
export const LISTS_PER_REPLY = 2;

/**
 * A stage after a `$group` that collects `users`. It leaves out lists that are too long, and makes the server
 * say so when a group is larger than a document may be (largeGroups.ts in packages/shared).
 */
export function leaveOutLongLists() {
  const isShort = { $lte: [{ $bsonSize: '$$ROOT' }, MAX_LIST_BYTES] };
  return { $set: { users: { $cond: [isShort, '$users', '$$REMOVE'] } } };
}
