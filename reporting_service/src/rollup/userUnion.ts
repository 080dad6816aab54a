import { toBucket } from '@analytics/rollups/countsReader';
import { RollupUnreadableError } from '@analytics/rollups/rollupErrors';
import { createUserBitmap, decodeUserBitmap, type UserBitmap } from '@analytics/rollups/userBitmap';
import { readUserBitmaps, type UserBitmapRef } from '@analytics/rollups/userBitmapReader';
import { createPace } from '../pace.ts';
import type { MemoryAccount } from '../reportMemory.ts';
import type { ReportSource } from '../reportSource.ts';
import { addEventUsers, beginReading, type EventUsers } from './eventUsers.ts';

/** A union of users from several sources, of whom it is asked how many there are. */
export interface UserUnion {
  places: UserBitmapRef[];
  /** Whether users of events belong to it, too. */
  hasEvents: boolean;
}

/** What a place takes while its set is being looked for. */
const PLACE_BYTES = 300;

/** A user takes two bytes in a set, or less (https://arxiv.org/abs/1603.06549), and a set has a head. */
const USER_BYTES = 2;
const SET_BYTES = 200;

/** Sets that are made at the same time are no larger together, unless one alone is. */
const MAX_BYTES_OF_ROUND = 8 * 1024 * 1024;

export interface UnionContext {
  source: ReportSource;
  /** The site's number; undefined if none of its users has one. */
  site: number | undefined;
  memory: MemoryAccount;
}

/**
 * Counts the distinct users of each of some unions. `readEvents` is called once, if any union has events;
 * each user of a union comes once.
 *
 * @throws RollupChangedError, RollupUnreadableError
 * @throws MemoryShortError, TooManyValuesError
 */
export async function countUnions(
  context: UnionContext,
  unions: readonly UserUnion[],
  readEvents: () => AsyncIterable<EventUsers>,
): Promise<number[]> {
  const withEvents = [...unions.keys()].filter((index) => unions[index]?.hasEvents);
  const events = withEvents.length > 0 ? beginReading(readEvents()) : undefined;
  try {
    return await unite(context, unions, withEvents, events);
  } finally {
    events?.close();
  }
}

async function unite(
  context: UnionContext,
  unions: readonly UserUnion[],
  withEvents: readonly number[],
  events: AsyncIterable<EventUsers> | undefined,
): Promise<number[]> {
  const counts = unions.map(countAlone);
  const united = [...unions.keys()].filter(
    (index) => !unions[index]?.hasEvents && counts[index] === undefined,
  );
  for (const round of divideIntoRounds(united, (index) => estimateBytes(unions[index]))) {
    await withSets(context, unions, round, async (sets) => {
      for (const [index, users] of sets) {
        counts[index] = users.size;
      }
    });
  }
  if (events) {
    // After the sets: by now every user in one of them has a number.
    await withSets(context, unions, withEvents, async (sets) => {
      const unnumbered = await addEventUsers(context, sets, events);
      for (const [index, users] of sets) {
        counts[index] = users.size + (unnumbered.get(index) ?? 0);
      }
    });
  }
  return counts.map((count) => count ?? 0);
}

/** What one bucket alone has was counted when it was rolled up. */
function countAlone({ places, hasEvents }: UserUnion): number | undefined {
  const [only] = places;
  if (hasEvents || places.length > 1) {
    return undefined;
  }
  return only?.users ?? 0;
}

function estimateBytes(union: UserUnion | undefined): number {
  let bytes = SET_BYTES;
  for (const { users } of union?.places ?? []) {
    bytes += users * USER_BYTES;
  }
  return bytes;
}

function* divideIntoRounds(indexes: readonly number[], estimate: (index: number) => number) {
  let round: number[] = [];
  let bytes = 0;
  for (const index of indexes) {
    const more = estimate(index);
    if (bytes + more > MAX_BYTES_OF_ROUND && round.length > 0) {
      yield round;
      round = [];
      bytes = 0;
    }
    round.push(index);
    bytes += more;
  }
  if (round.length > 0) {
    yield round;
  }
}

/** Unites the sets of some unions, and frees them after their use. */
async function withSets(
  { source, memory }: UnionContext,
  unions: readonly UserUnion[],
  indexes: readonly number[],
  use: (sets: ReadonlyMap<number, UserBitmap>) => Promise<void>,
): Promise<void> {
  let bytes = 0;
  for (const index of indexes) {
    bytes += estimateBytes(unions[index]) + (unions[index]?.places.length ?? 0) * PLACE_BYTES;
  }
  memory.take(bytes);
  const sets = new Map<number, UserBitmap>();
  try {
    for (const index of indexes) {
      sets.set(index, createUserBitmap());
    }
    const places = indexes.flatMap((index) =>
      (unions[index]?.places ?? []).map((place) => ({ ...place, union: sets.get(index) as UserBitmap })),
    );
    const pace = createPace(source.signal);
    for await (const [place, set] of readUserBitmaps(source.rollups, places)) {
      addSet(place, set);
      if (pace.isDue()) {
        await pace.rest();
      }
    }
    await use(sets);
  } finally {
    for (const users of sets.values()) {
      users.dispose();
    }
    memory.give(bytes);
  }
}

/** A set that was counted has as many users as its counts say. */
function addSet({ counts, users, union }: UserBitmapRef & { union: UserBitmap }, bytes: Uint8Array): void {
  let others: UserBitmap | undefined;
  try {
    others = decodeUserBitmap(bytes);
    if (others.size !== users) {
      throw new Error(`it has ${others.size} users and not ${users}`);
    }
    union.orInPlace(others);
  } catch (error) {
    throw new RollupUnreadableError('a set of users cannot be decoded', toBucket(counts._id), error);
  } finally {
    others?.dispose();
  }
}
