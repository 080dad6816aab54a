import { chunk } from '@analytics/shared/async/chunk';
import { createEventLoopYield } from '@analytics/shared/async/yieldEventLoop';
import { isTooLargeGroup } from '@analytics/shared/mongo/groupSize';
import { QUARTER_MS } from '@analytics/shared/rollup/buckets';
import type { mongo } from 'mongoose';
import { type BucketCounts, type BucketCountsOptions, createBucketCounts } from './bucketCounts.ts';
import { type EventSpan, type NamedGroup, readEventGroups } from './eventGroups.ts';
import type { LargeTurn, LargeTurns } from './largeTurn.ts';
import type { UserNumbers } from './userNumbers.ts';

/** Look up user numbers once this many user ids are held. */
const MAX_HELD_USERS = 100_000;

/** Or once the held groups take about this much memory. */
const MAX_HELD_BYTES = 8 * 1024 * 1024;

/** The memory of a text without its code units, and of each code unit. */
const TEXT_BYTES = 32;
const UNIT_BYTES = 2;

/** The memory of a group's value without its text. */
const VALUE_BYTES = 96;

/** Users that are counted between two chances to yield the event loop. */
const USERS_AT_ONCE = 5000;

export interface CountEventsDeps {
  events: mongo.Collection;
  resolveUsers: UserNumbers['resolve'];
  largeTurns: LargeTurns;
}

export interface CountEventsOptions<Each extends EventSpan> extends BucketCountsOptions {
  site_id: string;
  siteNumber: number;
  spans: Iterable<Each>;
}

/** The counts of one span. The consumer disposes of them. */
export interface CountedEvents<Each extends EventSpan> {
  span: Each;
  counts: BucketCounts;
}

/**
 * Counts a site's events of some spans in every dimension, and yields each span's counts in their order.
 * MongoDB groups the events first: what goes over the wire and is decoded is then little more than the users'
 * names. Names are looked up many at a time, of several spans together where few events are in each.
 */
export async function* countEvents<Each extends EventSpan>(
  { events, resolveUsers, largeTurns }: CountEventsDeps,
  { site_id, siteNumber, spans, admit, maxBytes }: CountEventsOptions<Each>,
): AsyncGenerator<CountedEvents<Each>> {
  const turn = largeTurns.join();
  const pending: CountedEvents<Each>[] = [];
  const held = createHeldGroups((names) => resolveUsers(siteNumber, names), turn);
  const createCounts = () => createBucketCounts({ admit, maxBytes });

  /** A group has all its users in one document, of 16 MiB at most. In less time there are fewer. */
  async function hold(of: CountedEvents<Each>): Promise<void> {
    for (let stepMs = QUARTER_MS; ; stepMs = Math.ceil(stepMs / 4)) {
      try {
        for await (const group of readEventGroups(events, site_id, of.span, stepMs)) {
          await held.add(of, group);
        }
        return;
      } catch (error) {
        if (!isTooLargeGroup(error) || stepMs === 1) {
          throw error;
        }
        held.drop(of);
        of.counts.dispose();
        of.counts = createCounts();
      }
    }
  }

  /** Yields what is counted. The consumer disposes of each before it takes the next. */
  async function* takeCounted(): AsyncGenerator<CountedEvents<Each>> {
    await held.release();
    yield* take(pending);
    held.wasReleased = false;
    turn.end();
  }

  try {
    for (const span of spans) {
      const of = { span, counts: createCounts() };
      pending.push(of);
      await hold(of);
      if (held.isHalfFull || held.wasReleased) {
        yield* takeCounted();
      }
    }
    yield* takeCounted();
  } finally {
    for (const { counts } of pending) {
      counts.dispose();
    }
    turn.end();
  }
}

/**
 * Holds groups until there are enough names to look up, and then adds them to the counts that they belong to.
 */
function createHeldGroups(
  resolve: (names: Set<string>) => Promise<ReadonlyMap<string, number>>,
  turn: LargeTurn,
) {
  type Target = Pick<CountedEvents<EventSpan>, 'counts'>;
  let groups: { of: Target; group: NamedGroup }[] = [];
  let users = 0;
  let bytes = 0;

  async function release(): Promise<void> {
    const numbers = await resolve(listNames(groups));
    const yieldLoop = createEventLoopYield();
    let last: Target | undefined;
    let earlierBytes = 0;
    for (const { of, group } of groups) {
      earlierBytes += last === undefined || last === of ? 0 : last.counts.bytes;
      last = of;
      for (const some of chunk(group.users, USERS_AT_ONCE)) {
        of.counts.add({ values: group.values, views: some.length, users: lookUp(some, numbers) });
        const wait = turn.hold(earlierBytes + of.counts.bytes) ?? yieldLoop();
        // There are many groups, and seldom a reason to wait.
        if (wait) {
          await wait;
        }
      }
    }
    groups = [];
    users = 0;
    bytes = 0;
    held.wasReleased = true;
  }

  const held = {
    /** Whether any were released since somebody set this back: then there are counts to be taken. */
    wasReleased: false,
    get isHalfFull() {
      return users >= MAX_HELD_USERS / 2 || bytes >= MAX_HELD_BYTES / 2;
    },
    add: async (of: Target, group: NamedGroup): Promise<void> => {
      groups.push({ of, group });
      users += group.users.length;
      bytes += measureGroup(group);
      if (users >= MAX_HELD_USERS || bytes >= MAX_HELD_BYTES) {
        await release();
      }
    },
    drop: (of: Target): void => {
      groups = groups.filter((each) => each.of !== of);
    },
    release,
  };
  return held;
}

function listNames(groups: readonly { group: NamedGroup }[]): Set<string> {
  const names = new Set<string>();
  for (const { group } of groups) {
    for (const user of group.users) {
      if (typeof user === 'string') {
        names.add(user);
      } else if (user !== null) {
        throw new Error('A user_id is no text. Correct or delete the event; its hour is read from events.');
      }
    }
  }
  return names;
}

function measureGroup({ values, users }: NamedGroup): number {
  let bytes = 0;
  for (const value of values.values()) {
    bytes += VALUE_BYTES + (typeof value === 'string' ? UNIT_BYTES * value.length : 0);
  }
  for (const user of users) {
    bytes += TEXT_BYTES + (typeof user === 'string' ? UNIT_BYTES * user.length : 0);
  }
  return bytes;
}

/** What is taken is not in the list any more. */
function* take<Item>(list: Item[]): Generator<Item> {
  for (let item = list.shift(); item !== undefined; item = list.shift()) {
    yield item;
  }
}

function lookUp(users: readonly (string | null)[], numbers: ReadonlyMap<string, number>): number[] {
  const found: number[] = [];
  for (const user of users) {
    if (user !== null) {
      const number = numbers.get(user);
      if (number === undefined) {
        throw new Error(`A user of ${user.length} characters has no number.`);
      }
      found.push(number);
    }
  }
  return found;
}
