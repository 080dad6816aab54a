import { toBucket } from '@analytics/rollups/countsReader';
import { RollupUnreadableError } from '@analytics/rollups/rollupErrors';
import { createUserBitmap, decodeUserBitmap, type UserBitmap } from '@analytics/rollups/userBitmap';
import { readUserBitmaps, type UserBitmapRef } from '@analytics/rollups/userBitmapReader';
import { createPace } from '../database/pace.ts';
import type { ReportMemory } from '../database/reportMemory.ts';
import type { EventUsers } from '../sources/events/eventUsers.ts';
import type { RollupSource } from '../sources/rollups/rollupSource.ts';
import { addEventUsers } from './addEventUsers.ts';

/** The users of one group, from both sources. */
export interface DistinctUserInputs {
  bitmaps: UserBitmapRef[];
  /** Whether users of events belong to the group, too. */
  hasEvents: boolean;
}

/** The memory of a reference while its bitmap is read. */
const REF_BYTES = 300;

/** A user takes at most two bytes in a bitmap (https://arxiv.org/abs/1603.06549), and a bitmap has a head. */
const USER_BYTES = 2;
const BITMAP_BYTES = 200;

/** Unite the bitmaps of several groups at the same time up to this size, in bytes. */
const MAX_ROUND_BYTES = 8 * 1024 * 1024;

export interface DistinctUsersContext {
  source: RollupSource;
  lookUps: Pick<ReportMemory, 'acquireLookUp'>;
}

/**
 * Counts the distinct users of each group. Calls `readEvents` once, if any group has events. It yields each
 * user of a group once.
 *
 * @throws RollupChangedError, RollupUnreadableError, MemoryShortError, TooLargeError
 */
export async function countDistinctUsers(
  context: DistinctUsersContext,
  groups: readonly DistinctUserInputs[],
  readEvents: () => AsyncIterable<EventUsers>,
): Promise<number[]> {
  const withEvents = [...groups.keys()].filter((index) => groups[index]?.hasEvents);
  const events = withEvents.length > 0 ? startReading(readEvents()) : undefined;
  try {
    return await uniteGroups(context, groups, withEvents, events);
  } finally {
    events?.close();
  }
}

async function uniteGroups(
  context: DistinctUsersContext,
  groups: readonly DistinctUserInputs[],
  withEvents: readonly number[],
  events: AsyncIterable<EventUsers> | undefined,
): Promise<number[]> {
  const counts = groups.map(countWithoutUniting);
  const fromRollups = [...groups.keys()].filter(
    (index) => !groups[index]?.hasEvents && counts[index] === undefined,
  );
  for (const round of divideIntoRounds(fromRollups, (index) => estimateBytes(groups[index]))) {
    await withUnions(context.source, groups, round, async (unions) => {
      for (const [index, users] of unions) {
        counts[index] = users.size;
      }
    });
  }
  if (events) {
    // After the bitmaps: by now every user in one of them has a code.
    await withUnions(context.source, groups, withEvents, async (unions) => {
      const withoutCode = await addEventUsers(context, unions, events);
      for (const [index, users] of unions) {
        counts[index] = users.size + (withoutCode.get(index) ?? 0);
      }
    });
  }
  return counts.map((count) => count ?? 0);
}

/** The users of a single bucket were counted when it was built. */
function countWithoutUniting({ bitmaps, hasEvents }: DistinctUserInputs): number | undefined {
  const [only] = bitmaps;
  if (hasEvents || bitmaps.length > 1) {
    return undefined;
  }
  return only?.users ?? 0;
}

function estimateBytes(group: DistinctUserInputs | undefined): number {
  let bytes = BITMAP_BYTES;
  for (const { users } of group?.bitmaps ?? []) {
    bytes += users * USER_BYTES;
  }
  return bytes;
}

function* divideIntoRounds(indexes: readonly number[], estimate: (index: number) => number) {
  let round: number[] = [];
  let bytes = 0;
  for (const index of indexes) {
    const more = estimate(index);
    if (bytes + more > MAX_ROUND_BYTES && round.length > 0) {
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

/** Unites the bitmaps of some groups, and frees the unions after their use. */
async function withUnions(
  { signal, collections, memory }: RollupSource,
  groups: readonly DistinctUserInputs[],
  indexes: readonly number[],
  use: (unions: ReadonlyMap<number, UserBitmap>) => Promise<void>,
): Promise<void> {
  let bytes = 0;
  for (const index of indexes) {
    bytes += estimateBytes(groups[index]) + (groups[index]?.bitmaps.length ?? 0) * REF_BYTES;
  }
  memory.take(bytes);
  const unions = new Map<number, UserBitmap>();
  try {
    for (const index of indexes) {
      unions.set(index, createUserBitmap());
    }
    const refs = indexes.flatMap((index) =>
      (groups[index]?.bitmaps ?? []).map((ref) => ({ ...ref, union: unions.get(index) as UserBitmap })),
    );
    const pace = createPace(signal);
    for await (const [ref, bitmap] of readUserBitmaps(collections, refs)) {
      addBitmap(ref, bitmap);
      if (pace.isDue()) {
        await pace.rest();
      }
    }
    await use(unions);
  } finally {
    for (const users of unions.values()) {
      users.dispose();
    }
    memory.give(bytes);
  }
}

/** @throws RollupUnreadableError if the bitmap has another number of users than its counts say. */
function addBitmap({ counts, users, union }: UserBitmapRef & { union: UserBitmap }, bytes: Uint8Array): void {
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

/** Items that are being read. */
interface Reading<Item> extends AsyncIterable<Item> {
  /** Stops the reading, even if no item was taken. Does not wait for a reply that is on its way. */
  close(): void;
}

/** Starts to read before the first item is taken. */
function startReading<Item>(items: AsyncIterable<Item>): Reading<Item> {
  const iterator = items[Symbol.asyncIterator]();
  const first = iterator.next();
  // Iterating throws the failure. Without an iteration, the failure must not count as unhandled.
  first.catch(() => {});
  return {
    async *[Symbol.asyncIterator]() {
      for (let next = await first; !next.done; next = await iterator.next()) {
        yield next.value;
      }
    },
    close: () => {
      iterator.return?.().catch(() => {});
    },
  };
}
