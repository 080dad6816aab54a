import type { EventProperties } from '@analytics/shared/eventProperties';
import { isTooLargeGroup, refuseLargeGroups } from '@analytics/shared/largeGroups';
import { HOUR_MS, QUARTER_MS } from '@analytics/shared/rollup/buckets';
import { type DimensionValue, QUARTERS } from '@analytics/shared/rollup/rollupCollections';
import type { mongo } from 'mongoose';
import { type BucketCounts, createBucketCounts } from './bucketCounts.ts';
import type { UserNumbers } from './userNumbers.ts';

/** So many users' names are held before their numbers are looked up, all at once. */
const USERS_PER_LOOKUP = 100_000;

/** A stretch of time whose events are counted as one. It begins with a quarter of an hour. */
export interface EventSpan {
  startMs: number;
  endMs: number;
}

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

/** Events of the same values, as the server groups them. */
interface GroupDocument {
  _id: {
    path: string;
    event_type: string;
    referrer_host?: string | null;
    properties?: EventProperties | null;
  };
  users: (string | null)[];
}

/** A group on the way to the counts of its span. */
interface HeldGroup extends GroupDocument {
  of: CountedEvents<EventSpan>;
  /** Of the hour, from 0 to 3. */
  quarter: number;
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
  const pending: CountedEvents<Each>[] = [];
  let held: HeldGroup[] = [];
  let heldUsers = 0;

  async function release(): Promise<void> {
    const names = new Set<string>();
    for (const { users } of held) {
      for (const user of users) {
        if (user !== null) {
          names.add(user);
        }
      }
    }
    const numbers = await resolveUsers(siteNumber, names);
    for (const { _id, quarter, users, of } of held) {
      of.counts.add({ values: listValues(_id, quarter), views: users.length, users: lookUp(users, numbers) });
    }
    held = [];
    heldUsers = 0;
  }

  /** A quarter of an hour at a time, or less: to have MongoDB tell the quarters apart costs half as much again. */
  async function hold(of: CountedEvents<Each>, stepMs: number): Promise<void> {
    const { startMs, endMs } = of.span;
    for (let quarterMs = startMs; quarterMs < endMs; quarterMs += QUARTER_MS) {
      const quarterEndMs = Math.min(quarterMs + QUARTER_MS, endMs);
      const quarter = Math.floor((quarterMs % HOUR_MS) / QUARTER_MS);
      for (let stepStartMs = quarterMs; stepStartMs < quarterEndMs; stepStartMs += stepMs) {
        const step = { startMs: stepStartMs, endMs: Math.min(stepStartMs + stepMs, quarterEndMs) };
        await holdStep(of, quarter, step);
      }
    }
  }

  async function holdStep(of: CountedEvents<Each>, quarter: number, step: EventSpan): Promise<void> {
    const cursor = events.aggregate<GroupDocument>(buildGroupPipeline(site_id, step), {
      allowDiskUse: true,
      batchSize: 10_000,
    });
    for await (const group of cursor) {
      held.push({ ...group, of, quarter });
      heldUsers += group.users.length;
      if (heldUsers >= USERS_PER_LOOKUP) {
        await release();
      }
    }
  }

  /** A group has all its users in one document, of 16 MiB at most. In less time there are fewer. */
  async function holdAll(of: CountedEvents<Each>): Promise<void> {
    for (let stepMs = QUARTER_MS; ; stepMs = Math.ceil(stepMs / 4)) {
      try {
        await hold(of, stepMs);
        return;
      } catch (error) {
        if (!isTooLargeGroup(error) || stepMs === 1) {
          throw error;
        }
        held = held.filter((group) => group.of !== of);
        of.counts.dispose();
        of.counts = createBucketCounts(admit);
      }
    }
  }

  try {
    for (const span of spans) {
      const of = { span, counts: createBucketCounts(admit) };
      pending.push(of);
      await holdAll(of);
      if (heldUsers >= USERS_PER_LOOKUP / 2) {
        await release();
        yield* take(pending);
      }
    }
    await release();
    yield* take(pending);
  } finally {
    for (const { counts } of pending) {
      counts.dispose();
    }
  }
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

function buildGroupPipeline(site_id: string, { startMs, endMs }: EventSpan) {
  const timestamp = { $gte: new Date(startMs), $lt: new Date(endMs) };
  return [
    { $match: { site_id, timestamp } },
    {
      $group: {
        _id: {
          path: '$path',
          event_type: '$event_type',
          referrer_host: '$referrer_host',
          properties: '$properties',
        },
        // An event of another producer may lack the field, and would be missing in the list.
        users: { $push: { $ifNull: ['$user_id', null] } },
      },
    },
    refuseLargeGroups(),
  ];
}

function listValues(
  { path, event_type, referrer_host, properties }: GroupDocument['_id'],
  quarter: number,
): Map<string, DimensionValue> {
  const values = new Map<string, DimensionValue>([
    [QUARTERS, quarter],
    ['path', path],
    ['event_type', event_type],
  ]);
  if (referrer_host) {
    values.set('referrer_host', referrer_host);
  }
  for (const [key, value] of Object.entries(properties ?? {})) {
    values.set(`property:${key}`, value);
  }
  return values;
}
