import type { Bucket } from '@analytics/shared/rollup/buckets';
import type {
  CountsDocument,
  RollupCollections,
  UserSetsDocument,
} from '@analytics/shared/rollup/rollupCollections';
import { mongo } from 'mongoose';
import { readAhead } from '../readAhead.ts';
import { RollupChangedError, RollupUnreadableError } from './rollupErrors.ts';
import { TooManyValuesError } from './tooManyValues.ts';

/** Where the users of one value in one bucket are. */
export interface UsersPlace {
  document: PlaceDocument;
  /** The value's place in the document. */
  index: number;
  /** How many users there are. */
  users: number;
  /** Their set, if it is with the counts. */
  set?: mongo.Binary | undefined;
}

/** What must be known of the document that names a set. */
export type PlaceDocument = Pick<CountsDocument, '_id' | 'edition' | 'chunk_starts'>;

/** Makes the places of a document. They do not hold the document itself, which may be large. */
export function createPlaces({
  _id,
  edition,
  chunk_starts,
  users,
  user_sets,
}: CountsDocument): (index: number) => UsersPlace {
  const document = { _id, edition, ...(chunk_starts && { chunk_starts }) };
  return (index) => ({ document, index, users: users[index] ?? 0, set: user_sets?.[index] });
}

/**
 * The most sets of users that are united for one question. A small one takes 1 to 26 microseconds, a large
 * one more.
 */
const MAX_PLACES = 200_000;

/** @throws TooManyValuesError */
export function requireFewPlaces(count: number): void {
  if (count > MAX_PLACES) {
    throw new TooManyValuesError(`More than ${MAX_PLACES} sets of users would have to be united.`);
  }
}

/**
 * MongoDB finds this many documents by their `_id` in one command: no more than a reply has room for at
 * first, which is 101.
 */
const IDS_PER_COMMAND = 100;

/**
 * A command asks for sets of so many users together, which take four bytes each at most, and for one set at
 * least.
 */
const USERS_PER_COMMAND = 250_000;

/** So many commands are under way while one answer is worked off. */
const COMMANDS_AT_ONCE = 4;

/**
 * Reads the encoded sets of users of some places, in no order of theirs: places of one document come
 * together. The next documents are on their way meanwhile, but never more than a few, however many there are.
 *
 * @throws RollupChangedError, RollupUnreadableError
 */
export async function* readUserSets<Place extends UsersPlace>(
  { userSets, readOptions }: Pick<RollupCollections, 'userSets' | 'readOptions'>,
  places: Iterable<Place>,
): AsyncGenerator<[Place, Uint8Array]> {
  const chunks = new Map<string, PlacesOfChunk<Place>>();
  const withCounts: Place[] = [];
  for (const place of places) {
    const id = findChunk(place);
    if (id === undefined) {
      withCounts.push(place);
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

  for await (const some of readAhead(divideIntoCommands(chunks.values()), COMMANDS_AT_ONCE, readChunks)) {
    for (const { places, found } of some) {
      for (const place of places) {
        yield [place, requireSet(place, found && findInChunk(found, place))];
      }
    }
  }
  for (const place of withCounts) {
    yield [place, requireSet(place, place.set)];
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
    users += chunk.places.reduce((sum, place) => sum + place.users, 0);
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
  { _id, edition, user_sets }: UserSetsDocument,
  { document, index }: UsersPlace,
): mongo.Binary | undefined {
  return edition === document.edition
    ? user_sets?.[index - (document.chunk_starts?.[_id.chunk] ?? 0)]
    : undefined;
}

function requireSet({ document }: UsersPlace, set: mongo.Binary | undefined): Uint8Array {
  if (set === undefined) {
    throw new RollupChangedError('The users of a rollup are of another edition than its counts.');
  }
  if (!(set instanceof mongo.Binary)) {
    throw new RollupUnreadableError('a set of users cannot be decoded', toPlaceBucket(document));
  }
  return set.value();
}

/** The bucket that a document is of. */
export function toPlaceBucket({ _id: { granularity, start } }: PlaceDocument): Bucket {
  return { granularity, startMs: start.getTime() };
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
