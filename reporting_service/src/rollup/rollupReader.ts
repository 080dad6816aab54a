import { chunk } from '@analytics/shared/chunk';
import { type Bucket, findBucketEnd } from '@analytics/shared/rollup/buckets';
import {
  type CountsDocument,
  QUARTERS,
  type RollupCollections,
  TOTALS,
  type UserSetsDocument,
} from '@analytics/shared/rollup/rollupCollections';
import { findInSlot, findUserSlot, USER_SLOTS } from '@analytics/shared/rollup/userSlots';
import type { mongo } from 'mongoose';
import { toBucketKey } from './bucketKey.ts';
import { findRuns } from './coverage.ts';

/** A rollup was written again while it was read. The question must be asked anew. */
export class RollupChangedError extends Error {
  override name = 'RollupChangedError';
}

/** Where the users of one value in one bucket are. */
export interface UsersPlace {
  document: CountsDocument;
  index: number;
}

/** MongoDB finds this many documents by their `_id` in one command: no more than a reply has room for at first, which is 101. */
const IDS_PER_COMMAND = 100;

/** Where more slots of a site are asked for, all of them are read: in their order they come twice as fast. */
const MAX_SLOTS_BY_ID = 1500;

/**
 * The counts of a dimension in some buckets, by the buckets' keys. Nothing stands for a bucket in which nothing happened; where no
 * event had a value, the totals are those of null.
 *
 * @throws RollupChangedError
 */
export type ReadCounts = (
  dimension: string,
  buckets: readonly Bucket[],
) => Promise<ReadonlyMap<string, CountsDocument[]>>;

/** Reads a site's counts. What is asked for again, by another part of the same report, is read once. */
export function createCountsReader(
  { rollups, readOptions }: Pick<RollupCollections, 'rollups' | 'readOptions'>,
  site: number,
): ReadCounts {
  const asked = new Map<string, ReturnType<ReadCounts>>();

  async function readDimension(dimension: string, buckets: readonly Bucket[]) {
    const ranges = findRuns(buckets).map(({ first, last }) => {
      const key = { site, dimension, granularity: first.granularity };
      const start = new Date(first.startMs);
      const end = new Date(findBucketEnd(last));
      return { _id: { $gte: { ...key, start }, $lt: { ...key, start: end } } };
    });
    const documents =
      ranges.length > 0 ? await rollups.find({ $or: ranges as never }, readOptions).toArray() : [];
    return groupByBucket(documents, new Set(buckets.map(toBucketKey)));
  }

  function readOnce(dimension: string, buckets: readonly Bucket[]): ReturnType<ReadCounts> {
    const key = [dimension, ...buckets.map(toBucketKey)].join();
    const answer = asked.get(key) ?? readDimension(dimension, buckets);
    asked.set(key, answer);
    return answer;
  }

  return async (dimension, buckets) => {
    // Every event has a value of these two.
    if (dimension === TOTALS || dimension === QUARTERS) {
      return readOnce(dimension, buckets);
    }
    const [counts, totals] = await Promise.all([readOnce(dimension, buckets), readOnce(TOTALS, buckets)]);
    return new Map([...totals, ...counts]);
  };
}

function groupByBucket(documents: readonly CountsDocument[], wanted: ReadonlySet<string>) {
  const groups = new Map<string, CountsDocument[]>();
  for (const document of documents) {
    const { granularity, start, part } = document._id;
    const key = toBucketKey({ granularity, startMs: start.getTime() });
    if (wanted.has(key)) {
      const group = groups.get(key) ?? [];
      // An earlier edition may have had more parts, which are still there.
      if (part < (group[0]?.parts ?? document.parts)) {
        group.push(document);
        groups.set(key, group);
      }
    }
  }
  for (const group of groups.values()) {
    const asOfMs = group[0]?.as_of.getTime();
    if (group.length !== group[0]?.parts || group.some(({ as_of }) => as_of.getTime() !== asOfMs)) {
      throw new RollupChangedError('The parts of a rollup are of two editions.');
    }
  }
  return groups;
}

/**
 * The encoded set of users of a place.
 *
 * @throws RollupChangedError
 */
export type FindUserSet = (place: UsersPlace) => Promise<Uint8Array>;

/** Asks for the sets of users of some places, all at once: the first can be used while the others are on their way. */
export function openUserSets(
  { userSets, readOptions }: Pick<RollupCollections, 'userSets' | 'readOptions'>,
  places: Iterable<UsersPlace>,
): FindUserSet {
  const ids = new Map<string, UserSetsDocument['_id']>();
  for (const place of places) {
    const id = findChunk(place);
    if (id) {
      ids.set(toChunkKey(id), id);
    }
  }
  const replies = new Map<string, Promise<Map<string, UserSetsDocument>>>();
  for (const some of chunk([...ids], IDS_PER_COMMAND)) {
    const reply = readChunks(some.map(([, id]) => id));
    // Whoever waits for it meets its failure. If nobody does, because another failed before, there is nothing to tell.
    reply.catch(() => {});
    for (const [key] of some) {
      replies.set(key, reply);
    }
  }

  async function readChunks(some: UserSetsDocument['_id'][]): Promise<Map<string, UserSetsDocument>> {
    const documents = await userSets.find({ _id: { $in: some } }, readOptions).toArray();
    return new Map(documents.map((document) => [toChunkKey(document._id), document]));
  }

  return async (place) => {
    const { document, index } = place;
    const id = findChunk(place);
    if (id === undefined) {
      return requireSet(document.user_sets?.[index]);
    }
    const key = toChunkKey(id);
    const found = (await replies.get(key))?.get(key);
    const isOfSameEdition = found?.as_of.getTime() === document.as_of.getTime();
    const start = document.chunk_starts?.[id.chunk] ?? 0;
    return requireSet(isOfSameEdition ? found?.user_sets[index - start] : undefined);
  };
}

function requireSet(set: mongo.Binary | undefined): Uint8Array {
  if (set === undefined) {
    throw new RollupChangedError('The users of a rollup are of another edition than its counts.');
  }
  return set.value();
}

/** The document that holds the users of a place; undefined if they are with the counts. */
function findChunk({
  document: { _id, chunk_starts },
  index,
}: UsersPlace): UserSetsDocument['_id'] | undefined {
  if (chunk_starts === undefined) {
    return undefined;
  }
  const { site, dimension, granularity, start, part } = _id;
  const chunk = chunk_starts.findLastIndex((first) => first <= index);
  return { site, dimension, granularity, start, part, chunk };
}

function toChunkKey({ dimension, granularity, start, part, chunk }: UserSetsDocument['_id']): string {
  return `${granularity}/${start.getTime()}/${part}/${chunk}/${dimension}`;
}

/** The numbers of those of some users that have one. */
export async function readUserNumbers(
  { userSlots, readOptions }: Pick<RollupCollections, 'userSlots' | 'readOptions'>,
  site: number,
  users: ReadonlySet<string>,
): Promise<Map<string, number>> {
  const slots = new Set<number>();
  for (const user of users) {
    slots.add(findUserSlot(user));
  }
  const numbers = new Map<string, number>();
  const filters =
    slots.size > MAX_SLOTS_BY_ID
      ? [{ _id: { $gte: { site, slot: 0 }, $lt: { site, slot: USER_SLOTS } } }]
      : chunk([...slots], IDS_PER_COMMAND).map((some) => ({
          _id: { $in: some.map((slot) => ({ site, slot })) },
        }));
  await Promise.all(
    filters.map(async (filter) => {
      const found = userSlots.find(filter, { ...readOptions, batchSize: 1000 });
      for await (const document of found) {
        findInSlot(document, users, (user, number) => numbers.set(user, number));
      }
    }),
  );
  return numbers;
}
