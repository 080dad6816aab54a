import type { UserBitmap } from '@analytics/rollups/userBitmap';
import { lookUpUserCodes } from '@analytics/rollups/userDictionary/lookup';
import { isTooLargeGroup } from '@analytics/shared/mongo/groupSize';
import type { PipelineStage } from 'mongoose';
import { LISTS_PER_REPLY } from '../aggregations/longLists.ts';
import { createPace } from '../pace.ts';
import { estimateTextBytes, MemoryShortError } from '../reportMemory.ts';
import type { ReportSource } from '../reportSource.ts';

import type { UnionContext } from './userUnion.ts';

/** Distinct users of events that belong to a union. */
export interface EventUsers {
  /** The place of the union in the list of unions. */
  index: number;
  /** Null and undefined stand for nobody. */
  users: readonly unknown[];
}

/** Users that come one by one are sent so many at a time. */
export const USERS_PER_REPLY = 4000;

/**
 * A large report looks users up when it holds so many, or so many bytes of them: each look-up reads most of
 * what is known of a site's users, so that few large ones are quicker. A small report looks all up at once,
 * or it is not small.
 */
const USERS_PER_LOOK_UP = 250_000;
const BYTES_PER_LOOK_UP = 48 * 1024 * 1024;

/** What a user takes beside the name: the head of the text, and its place in a list. */
const USER_BYTES = 60;

/** So few users are looked up without waiting for a turn. */
const SMALL_LOOK_UP = 2000;

/**
 * Reads lists of users, which are quicker to read than users one by one.
 *
 * @throws MemoryShortError if one of them is too long: a large report reads users one by one.
 */
export async function* readLists<Document extends { users?: readonly unknown[] }>(
  { stream }: ReportSource,
  pipeline: PipelineStage[],
): AsyncGenerator<Document & { users: readonly unknown[] }> {
  try {
    for await (const batch of stream<Document>(pipeline, LISTS_PER_REPLY)) {
      for (const document of batch) {
        yield requireList(document);
      }
    }
  } catch (error) {
    throw isTooLargeGroup(error) ? new MemoryShortError('A list of users is too long.') : error;
  }
}

function requireList<Document extends { users?: readonly unknown[] }>(document: Document) {
  const { users } = document;
  if (users === undefined) {
    throw new MemoryShortError('A list of users is too long.');
  }
  return { ...document, users };
}

/** Puts the users of each union together. */
export function groupUsers(items: Iterable<{ index: number; user: unknown }>): EventUsers[] {
  const groups = new Map<number, unknown[]>();
  for (const { index, user } of items) {
    const group = groups.get(index) ?? [];
    group.push(user);
    groups.set(index, group);
  }
  return [...groups].map(([index, users]) => ({ index, users }));
}

/** Items that are being read. */
interface Reading<Item> extends AsyncIterable<Item> {
  /** Stops the reading, also if no item was taken. It does not wait for an answer that is on its way. */
  close(): void;
}

/** Begins to read before the first item is asked for. */
export function beginReading<Item>(items: AsyncIterable<Item>): Reading<Item> {
  const iterator = items[Symbol.asyncIterator]();
  const first = iterator.next();
  // Iterating throws the failure. Without it, a failure must not count as unhandled.
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

/** Users who wait to be looked up. */
interface Buffer {
  /** The names of each union. */
  names: Map<number, string[]>;
  count: number;
  bytes: number;
}

const createBuffer = (): Buffer => ({ names: new Map(), count: 0, bytes: 0 });

/**
 * Adds users of events to the sets of their unions. Their numbers are looked up some at a time, however many
 * there are.
 *
 * @throws MemoryShortError, TooManyValuesError
 * @returns how many users of each union have no number, and so are in no set.
 */
export async function addEventUsers(
  context: UnionContext,
  sets: ReadonlyMap<number, UserBitmap>,
  events: AsyncIterable<EventUsers>,
): Promise<ReadonlyMap<number, number>> {
  const { source, memory } = context;
  const unnumbered = new Map<number, number>();
  const addUnnumbered = (index: number, count: number) =>
    unnumbered.set(index, (unnumbered.get(index) ?? 0) + count);
  const pace = createPace(source.signal);
  let buffer = createBuffer();

  async function lookUp(): Promise<void> {
    const { names, count, bytes } = buffer;
    buffer = createBuffer();
    // In a set a new user may take four bytes.
    memory.take(4 * count);
    for (const [index, numbered] of await findNumbers(context, names)) {
      addUnnumbered(index, (names.get(index)?.length ?? 0) - numbered.length);
      sets.get(index)?.addMany(numbered);
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
        hold(buffer, index, user);
      } else if (user !== null && user !== undefined) {
        // It was put in by hand. No rollup has it.
        addUnnumbered(index, 1);
      }
    }
    memory.take(buffer.bytes - before);
    if (memory.isLarge && (buffer.count >= USERS_PER_LOOK_UP || buffer.bytes >= BYTES_PER_LOOK_UP)) {
      await lookUp();
    }
    if (pace.isDue()) {
      await pace.rest();
    }
  }
  await lookUp();
  return unnumbered;
}

function hold(buffer: Buffer, index: number, user: string): void {
  const names = buffer.names.get(index);
  if (names) {
    names.push(user);
  } else {
    buffer.names.set(index, [user]);
  }
  buffer.count += 1;
  buffer.bytes += USER_BYTES + estimateTextBytes(user);
}

/** The numbers of the users of each union, as far as they have one. */
async function findNumbers(
  { source, site }: UnionContext,
  names: ReadonlyMap<number, readonly string[]>,
): Promise<Map<number, number[]>> {
  const wanted = new Set<string>();
  for (const some of names.values()) {
    for (const name of some) {
      wanted.add(name);
    }
  }
  const isSmall = wanted.size < SMALL_LOOK_UP;
  const passTurn = isSmall ? () => {} : await source.memory.takeLookUp(source.signal);
  try {
    const numbers =
      site === undefined || wanted.size === 0
        ? new Map<string, number>()
        : await lookUpUserCodes(source.rollups, site, wanted);
    const isKnown = (number: number | undefined) => number !== undefined;
    return new Map(
      [...names].map(([index, some]) => [index, some.map((name) => numbers.get(name)).filter(isKnown)]),
    );
  } finally {
    passTurn();
  }
}
