import { prefetch } from '@analytics/shared/async/prefetch';
import { mongo } from 'mongoose';
import { toBucket } from './countsReader.ts';
import type { CountsDocument, RollupCollections, UserBitmapsDocument } from './documents.ts';
import { toBitmapsKey } from './keys.ts';
import { RollupChangedError, RollupUnreadableError } from './rollupErrors.ts';

/** Refers to the bitmap of one value in one bucket. */
export interface UserBitmapRef {
  counts: ReferringCounts;
  /** The index of the value in its counts. */
  index: number;
  /** The number of users. */
  users: number;
  /** The bitmap, if it is stored with the counts. */
  bitmap?: mongo.Binary | undefined;
}

/** The part of a counts document that its references need. */
type ReferringCounts = Pick<CountsDocument, '_id' | 'version' | 'chunk_starts'>;

/**
 * Makes references to the bitmaps of a document. They do not hold the document itself, which may be large.
 */
export function createBitmapRefs({
  _id,
  version,
  chunk_starts,
  users,
  user_bitmaps,
}: CountsDocument): (index: number) => UserBitmapRef {
  const counts = { _id, version, ...(chunk_starts && { chunk_starts }) };
  return (index) => ({ counts, index, users: users[index] ?? 0, bitmap: user_bitmaps?.[index] });
}

/** MongoDB returns this many documents by `_id` in one reply: its first batch has 101. */
const IDS_PER_COMMAND = 100;

/**
 * The users of all bitmaps that one command asks for, unless a single chunk has more. They take at most 4
 * bytes each.
 */
const USERS_PER_COMMAND = 250_000;

const CONCURRENT_COMMANDS = 4;

/**
 * Streams the encoded bitmaps of some references, grouped by document, in no particular order. Prefetches a
 * few documents.
 *
 * @throws RollupChangedError, RollupUnreadableError
 */
export async function* readUserBitmaps<Ref extends UserBitmapRef>(
  { userBitmaps, readOptions }: Pick<RollupCollections, 'userBitmaps' | 'readOptions'>,
  refs: Iterable<Ref>,
): AsyncGenerator<[Ref, Uint8Array]> {
  const chunks = new Map<string, RefsOfChunk<Ref>>();
  const inline: Ref[] = [];
  for (const ref of refs) {
    const id = findChunk(ref);
    if (id === undefined) {
      inline.push(ref);
      continue;
    }
    const key = toChunkText(id);
    const chunk = chunks.get(key) ?? { id, refs: [] };
    chunk.refs.push(ref);
    chunks.set(key, chunk);
  }

  async function readChunks(some: readonly RefsOfChunk<Ref>[]) {
    const filter = { _id: { $in: some.map(({ id }) => id) } };
    const documents = await userBitmaps.find(filter, readOptions).toArray();
    const found = new Map(documents.map((document) => [toChunkText(document._id), document]));
    return some.map(({ id, refs: refsOfChunk }) => ({
      refs: refsOfChunk,
      found: found.get(toChunkText(id)),
    }));
  }

  for await (const some of prefetch(divideIntoCommands(chunks.values()), CONCURRENT_COMMANDS, readChunks)) {
    for (const { refs: refsOfChunk, found } of some) {
      for (const ref of refsOfChunk) {
        yield [ref, requireBitmap(ref, found && findInChunk(found, ref))];
      }
    }
  }
  for (const ref of inline) {
    yield [ref, requireBitmap(ref, ref.bitmap)];
  }
}

/** References to bitmaps that are in one document. */
interface RefsOfChunk<Ref extends UserBitmapRef> {
  id: UserBitmapsDocument['_id'];
  refs: Ref[];
}

function* divideIntoCommands<Ref extends UserBitmapRef>(
  chunks: Iterable<RefsOfChunk<Ref>>,
): Generator<RefsOfChunk<Ref>[]> {
  let some: RefsOfChunk<Ref>[] = [];
  let users = 0;
  for (const chunk of chunks) {
    some.push(chunk);
    users += chunk.refs.reduce((sum, ref) => sum + ref.users, 0);
    if (some.length >= IDS_PER_COMMAND || users >= USERS_PER_COMMAND) {
      yield some;
      some = [];
      users = 0;
    }
  }
  if (some.length > 0) {
    yield some;
  }
}

function findInChunk(
  { _id, version, user_bitmaps }: UserBitmapsDocument,
  { counts, index }: UserBitmapRef,
): mongo.Binary | undefined {
  return version === counts.version
    ? user_bitmaps?.[index - (counts.chunk_starts?.[_id.chunk] ?? 0)]
    : undefined;
}

function requireBitmap({ counts }: UserBitmapRef, bitmap: mongo.Binary | undefined): Uint8Array {
  if (bitmap === undefined) {
    throw new RollupChangedError('The users of a rollup have another version than its counts.');
  }
  if (!(bitmap instanceof mongo.Binary)) {
    throw new RollupUnreadableError('a set of users cannot be decoded', toBucket(counts._id));
  }
  return bitmap.value();
}

/** The document that contains the bitmap. Undefined: it is stored with the counts. */
function findChunk({ counts, index }: UserBitmapRef): UserBitmapsDocument['_id'] | undefined {
  const chunk = counts.chunk_starts?.findLastIndex((first) => first <= index);
  return chunk === undefined ? undefined : toBitmapsKey(counts._id, chunk);
}

function toChunkText({ dimension, granularity, start, part, chunk }: UserBitmapsDocument['_id']): string {
  return `${granularity}/${start.getTime()}/${part}/${chunk}/${dimension}`;
}
