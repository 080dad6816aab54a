import { type Bucket, findBucketEnd } from '@analytics/shared/rollup/buckets';
import {
  type CountsDocument,
  QUARTERS,
  type RollupCollections,
  TOTALS,
  type UserSetsDocument,
} from '@analytics/shared/rollup/rollupCollections';
import { groupBySlot, readUserSlots, SLOT_CAPACITY, SLOT_LEVELS } from '@analytics/shared/rollup/userSlots';
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

/** A command asks for sets of so many users together, which take two bytes each at most, and for one set at least. */
const USERS_PER_COMMAND = 2_000_000;

/** So many commands are under way while one answer is worked off. */
const COMMANDS_AT_ONCE = 4;

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
 * Reads the encoded sets of users of some places, in no order of theirs: places of one document come together. The next documents
 * are on their way meanwhile, but never more than a few, however many there are.
 *
 * @throws RollupChangedError
 */
export async function* readUserSets<Place extends UsersPlace>(
  { userSets, readOptions }: Pick<RollupCollections, 'userSets' | 'readOptions'>,
  places: Iterable<Place>,
): AsyncGenerator<[Place, Uint8Array]> {
  const chunks = new Map<string, PlacesOfChunk<Place>>();
  for (const place of places) {
    const id = findChunk(place);
    if (id === undefined) {
      yield [place, requireSet(place.document.user_sets?.[place.index])];
      continue;
    }
    const key = toChunkKey(id);
    const chunk = chunks.get(key) ?? { id, places: [] };
    chunk.places.push(place);
    chunks.set(key, chunk);
  }

  async function readChunks(some: readonly PlacesOfChunk<Place>[]) {
    const filter = { _id: { $in: some.map(({ id }) => id) } };
    const documents = await userSets.find(filter, readOptions).toArray();
    const found = new Map(documents.map((document) => [toChunkKey(document._id), document]));
    return some.map(({ id, places }) => ({ places, found: found.get(toChunkKey(id)) }));
  }

  for await (const some of readAhead(divideIntoCommands(chunks.values()), readChunks)) {
    for (const { places, found } of some) {
      for (const place of places) {
        yield [place, requireSet(found && findInChunk(found, place))];
      }
    }
  }
}

/** Places whose sets are in one document. */
interface PlacesOfChunk<Place extends UsersPlace> {
  id: UserSetsDocument['_id'];
  places: Place[];
}

function* divideIntoCommands<Place extends UsersPlace>(
  chunks: Iterable<PlacesOfChunk<Place>>,
): Generator<PlacesOfChunk<Place>[]> {
  let some: PlacesOfChunk<Place>[] = [];
  let users = 0;
  for (const chunk of chunks) {
    some.push(chunk);
    users += chunk.places.reduce((sum, { document, index }) => sum + (document.users[index] ?? 0), 0);
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

/** Reads for each item in their order, and begins with the next ones before they are asked for. */
async function* readAhead<Item, Result>(
  items: Iterable<Item>,
  read: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const begun: Promise<Result>[] = [];
  for (const item of items) {
    const result = read(item);
    // Whoever waits for it meets its failure. If nobody does, because another failed before, there is nothing to tell.
    result.catch(() => {});
    begun.push(result);
    if (begun.length >= COMMANDS_AT_ONCE) {
      yield (await begun.shift()) as Result;
    }
  }
  for (const result of begun) {
    yield await result;
  }
}

function findInChunk(
  { _id, as_of, user_sets }: UserSetsDocument,
  { document, index }: UsersPlace,
): mongo.Binary | undefined {
  const isOfSameEdition = as_of.getTime() === document.as_of.getTime();
  return isOfSameEdition ? user_sets[index - (document.chunk_starts?.[_id.chunk] ?? 0)] : undefined;
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
  collections: Pick<RollupCollections, 'userSlots' | 'readOptions'>,
  site: number,
  users: Iterable<string>,
): Promise<Map<string, number>> {
  const numbers = new Map<string, number>();
  let missing = [...users];
  for (const level of SLOT_LEVELS) {
    const wanted = groupBySlot(missing, level);
    const counts = await readUserSlots(collections, site, level, wanted, numbers);
    // Who is not in a slot that has room is nowhere else.
    missing = [...wanted]
      .filter(([slot]) => (counts.get(slot) ?? 0) >= SLOT_CAPACITY)
      .flatMap(([, some]) => some.filter((user) => !numbers.has(user)));
    if (missing.length === 0) {
      break;
    }
  }
  return numbers;
}
