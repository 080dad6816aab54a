import { isTooLargeGroup } from '@analytics/shared/largeGroups';
import { QUARTER_MS } from '@analytics/shared/rollup/buckets';
import type { mongo } from 'mongoose';
import { type BucketCounts, createBucketCounts } from './bucketCounts.ts';
import { type EventSpan, type NamedGroup, readEventGroups } from './eventGroups.ts';
import type { UserNumbers } from './userNumbers.ts';

/** As much is held, in users' names, before their numbers are looked up, all at once. */
const MAX_HELD_SIZE = 100_000;

/** What a group takes of memory beside its users' names, in names. */
const GROUP_SIZE = 4;

export interface CountEventsDeps {
  events: mongo.Collection;
  resolveUsers: UserNumbers['resolve'];
}

export interface CountEventsOptions<Each extends EventSpan> {
  site_id: string;
  siteNumber: number;
  spans: Iterable<Each>;
  /** Says which properties are counted. */
  admit: (dimension: string) => boolean;
}

/** What was counted of one span. Whoever takes it disposes of the counts. */
export interface CountedEvents<Each extends EventSpan> {
  span: Each;
  counts: BucketCounts;
}

/**
 * Counts a site's events of some spans in every dimension, and yields each span's counts in their order. MongoDB groups the events
 * first: what goes over the wire and is decoded is then little more than the users' names. Names are looked up many at a time, of
 * several spans together where few events are in each.
 */
export async function* countEvents<Each extends EventSpan>(
  { events, resolveUsers }: CountEventsDeps,
  { site_id, siteNumber, spans, admit }: CountEventsOptions<Each>,
): AsyncGenerator<CountedEvents<Each>> {
  const held = createHeldGroups((names) => resolveUsers(siteNumber, names));
  const pending: CountedEvents<Each>[] = [];

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
        of.counts = createBucketCounts(admit);
      }
    }
  }

  try {
    for (const span of spans) {
      const of = { span, counts: createBucketCounts(admit) };
      pending.push(of);
      await hold(of);
      if (held.size >= MAX_HELD_SIZE / 2 || held.wasReleased) {
        await held.release();
        yield* take(pending);
        held.wasReleased = false;
      }
    }
    await held.release();
    yield* take(pending);
  } finally {
    for (const { counts } of pending) {
      counts.dispose();
    }
  }
}

/** Holds groups until there are enough names to look up, and then adds them to the counts that they belong to. */
function createHeldGroups(resolve: (names: Set<string>) => Promise<ReadonlyMap<string, number>>) {
  type Target = Pick<CountedEvents<EventSpan>, 'counts'>;
  let groups: { of: Target; group: NamedGroup }[] = [];
  let size = 0;

  async function release(): Promise<void> {
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
    const numbers = await resolve(names);
    for (const { of, group } of groups) {
      const { values, users } = group;
      of.counts.add({ values, views: users.length, users: lookUp(users, numbers) });
    }
    groups = [];
    size = 0;
    held.wasReleased = true;
  }

  const held = {
    /** Whether any were released since somebody set this back: then there are counts to be taken. */
    wasReleased: false,
    /** In names. */
    get size() {
      return size;
    },
    add: async (of: Target, group: NamedGroup): Promise<void> => {
      groups.push({ of, group });
      size += group.users.length + GROUP_SIZE;
      if (size >= MAX_HELD_SIZE) {
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
