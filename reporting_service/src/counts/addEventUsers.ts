import type { UserBitmap } from '@analytics/rollups/userBitmap';
import { lookUpUserCodes } from '@analytics/rollups/userDictionary/lookup';
import { createPace } from '../database/pace.ts';
import { estimateTextBytes } from '../database/reportMemory.ts';
import type { EventUsers } from '../sources/events/eventUsers.ts';
import type { DistinctUsersContext } from './distinctUsers.ts';

/**
 * A large report looks up codes once this many user ids, or this many bytes of them, are buffered. Each
 * lookup reads most of a site's dictionary, so that few large lookups are faster. A small report has fewer,
 * and looks them up once.
 */
const USERS_PER_LOOKUP = 250_000;
const BYTES_PER_LOOKUP = 48 * 1024 * 1024;

/** The memory of a user id besides its text: the head of the text, and its entry in a list. */
const USER_BYTES = 60;

/** So few users are looked up at once. */
const SMALL_LOOKUP_USERS = 2000;

interface Buffer {
  /** The user ids of each group. */
  ids: Map<number, string[]>;
  count: number;
  bytes: number;
}

const createBuffer = (): Buffer => ({ ids: new Map(), count: 0, bytes: 0 });

/**
 * Adds the users of events to the unions of their groups. Looks up their codes in batches, so that memory
 * stays bounded. Resolves with the number of users of each group that have no code, and so are in no bitmap.
 *
 * @throws MemoryShortError, TooLargeError, RollupUnreadableError
 */
export async function addEventUsers(
  context: DistinctUsersContext,
  unions: ReadonlyMap<number, UserBitmap>,
  events: AsyncIterable<EventUsers>,
): Promise<ReadonlyMap<number, number>> {
  const { memory, signal } = context.source;
  const withoutCode = new Map<number, number>();
  const addWithoutCode = (index: number, count: number) =>
    withoutCode.set(index, (withoutCode.get(index) ?? 0) + count);
  const pace = createPace(signal);
  let buffer = createBuffer();

  async function lookUp(): Promise<void> {
    const { ids, count, bytes } = buffer;
    buffer = createBuffer();
    // A new user may take four bytes in a bitmap.
    memory.take(4 * count);
    for (const [index, codes] of await findCodes(context, ids)) {
      addWithoutCode(index, (ids.get(index)?.length ?? 0) - codes.length);
      unions.get(index)?.addMany(codes);
      if (pace.isDue()) {
        await pace.rest();
      }
    }
    memory.give(bytes);
  }

  for await (const { index, users } of events) {
    const before = buffer.bytes;
    for (const user of users) {
      if (typeof user === 'string') {
        addToBuffer(buffer, index, user);
      } else if (user !== null && user !== undefined) {
        // An id that is not a text was inserted by hand. No rollup contains it.
        addWithoutCode(index, 1);
      }
    }
    memory.take(buffer.bytes - before);
    if (memory.isLarge && (buffer.count >= USERS_PER_LOOKUP || buffer.bytes >= BYTES_PER_LOOKUP)) {
      await lookUp();
    }
    if (pace.isDue()) {
      await pace.rest();
    }
  }
  await lookUp();
  return withoutCode;
}

function addToBuffer(buffer: Buffer, index: number, user: string): void {
  const ids = buffer.ids.get(index);
  if (ids) {
    ids.push(user);
  } else {
    buffer.ids.set(index, [user]);
  }
  buffer.count += 1;
  buffer.bytes += USER_BYTES + estimateTextBytes(user);
}

/** The codes of the users of each group that have one. */
async function findCodes(
  { source, lookUps }: DistinctUsersContext,
  ids: ReadonlyMap<number, readonly string[]>,
): Promise<Map<number, number[]>> {
  const { collections, site, signal } = source;
  const wanted = new Set<string>();
  for (const some of ids.values()) {
    for (const id of some) {
      wanted.add(id);
    }
  }
  const release = wanted.size < SMALL_LOOKUP_USERS ? () => {} : await lookUps.acquireLookUp(signal);
  try {
    const codes =
      site === undefined || wanted.size === 0
        ? new Map<string, number>()
        : await lookUpUserCodes(collections, site, wanted);
    const isKnown = (code: number | undefined) => code !== undefined;
    return new Map([...ids].map(([index, some]) => [index, some.map((id) => codes.get(id)).filter(isKnown)]));
  } finally {
    release();
  }
}
