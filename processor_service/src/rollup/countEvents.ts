import type { EventProperties } from '@analytics/shared/eventProperties';
import { HOUR_MS } from '@analytics/shared/rollup/buckets';
import type { DimensionValue } from '@analytics/shared/rollup/rollupCollections';
import { mongo } from 'mongoose';
import { type BucketCounts, createBucketCounts } from './bucketCounts.ts';
import type { UserNumbers } from './userNumbers.ts';

/** So many users' names are held before their numbers are looked up, all at once. */
const USERS_PER_LOOKUP = 100_000;

/** What the server answers to a group that outgrew a document or the memory it may use. */
const TOO_LARGE_CODES = new Set<unknown>([
  146, // ExceededMemoryLimit
  10334, // BSONObjectTooLarge
  17419, // a $push of more than fits
]);

export interface EventSource {
  site_id: string;
  startMs: number;
  endMs: number;
}

export interface CountEventsDeps {
  events: mongo.Collection;
  resolveUsers: UserNumbers['resolve'];
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

/**
 * Counts a site's events of a time in every dimension. MongoDB groups them first: what goes over the wire and is decoded is then
 * little more than the users' names. `admit` says which properties are counted.
 */
export async function countEvents(
  deps: CountEventsDeps,
  source: EventSource & { siteNumber: number },
  admit: (dimension: string) => boolean,
): Promise<BucketCounts> {
  for (let stepMs = HOUR_MS; ; stepMs = Math.ceil(stepMs / 4)) {
    const counts = createBucketCounts(admit);
    try {
      await countInSteps(deps, source, stepMs, counts);
      return counts;
    } catch (error) {
      counts.dispose();
      // A group has all its users in one document, of 16 MiB at most. In less time there are fewer.
      const isTooLarge = error instanceof mongo.MongoServerError && TOO_LARGE_CODES.has(error.code);
      if (!isTooLarge || stepMs === 1) {
        throw error;
      }
    }
  }
}

async function countInSteps(
  { events, resolveUsers }: CountEventsDeps,
  { site_id, siteNumber, startMs, endMs }: EventSource & { siteNumber: number },
  stepMs: number,
  counts: BucketCounts,
): Promise<void> {
  let held: GroupDocument[] = [];
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
    const toNumber = await resolveUsers(siteNumber, names);
    for (const { _id, users } of held) {
      const numbers = users.filter((user) => user !== null).map(toNumber);
      counts.add({ values: listValues(_id), views: users.length, users: numbers });
    }
    held = [];
    heldUsers = 0;
  }

  for (let stepStartMs = startMs; stepStartMs < endMs; stepStartMs += stepMs) {
    const stepEndMs = Math.min(stepStartMs + stepMs, endMs);
    const cursor = events.aggregate<GroupDocument>(
      buildGroupPipeline({ site_id, startMs: stepStartMs, endMs: stepEndMs }),
      { allowDiskUse: true, batchSize: 10_000 },
    );
    for await (const group of cursor) {
      held.push(group);
      heldUsers += group.users.length;
      if (heldUsers >= USERS_PER_LOOKUP) {
        await release();
      }
    }
  }
  await release();
}

function buildGroupPipeline({ site_id, startMs, endMs }: EventSource) {
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
  ];
}

function listValues({ path, event_type, referrer_host, properties }: GroupDocument['_id']) {
  const values = new Map<string, DimensionValue>([
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
