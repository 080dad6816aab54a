import { type Bucket, findBucketEnd, GRANULARITIES, listChildren } from '@analytics/shared/rollup/buckets';
import {
  type MarkDocument,
  type RollupCollections,
  TOTALS,
} from '@analytics/shared/rollup/rollupCollections';
import type { mongo } from 'mongoose';
import { countEvents } from './countEvents.ts';
import type { Marks } from './marks.ts';
import type { RollupStore } from './rollupStore.ts';
import { openSite, type RollupSite } from './sites.ts';
import type { UserNumbers } from './userNumbers.ts';

/** Marks that are looked at together. */
const MARKS_AT_ONCE = 100;

/** While MongoDB groups the events of one hour, the users of another are counted here. */
const HOURS_AT_ONCE = 2;

export interface RollerDeps {
  events: mongo.Collection;
  collections: RollupCollections;
  marks: Marks;
  userNumbers: UserNumbers;
  store: RollupStore;
}

/** What became of a marked bucket. One that was marked again, or holds a smaller one that is, stays. */
export type RollupOutcome = 'rolled up' | 'left';

export interface RollOptions {
  /** Only of this site. */
  site_id?: string;
  signal: AbortSignal;
  /** Told after each bucket. */
  onBucket?: (mark: MarkDocument['_id'], outcome: RollupOutcome) => void;
}

export interface Roller {
  /**
   * Rolls up every bucket whose mark is ripe, the hours first. May be cut off anywhere and called again: what is written is
   * believed only once its mark is gone.
   *
   * @throws The first error of a bucket, after all others were tried.
   */
  rollUpRipe(options: RollOptions): Promise<void>;
}

export function createRoller(deps: RollerDeps): Roller {
  const { events, collections, marks, userNumbers, store } = deps;

  /** @returns whether nothing that was begun later is there. */
  async function rollUpHour(site: RollupSite, source: Bucket & { site_id: string }): Promise<boolean> {
    const asOf = await readServerTime(events);
    const range = { ...source, endMs: findBucketEnd(source), siteNumber: site.number };
    const counts = await countEvents({ events, resolveUsers: userNumbers.resolve }, range, site.admit);
    try {
      if (counts.dimensions.get(TOTALS)?.rows.size === 0) {
        return true;
      }
      await site.save();
      return await store.write({ site: site.number, ...toBucket(source) }, asOf, counts.dimensions);
    } finally {
      counts.dispose();
    }
  }

  async function fold(site: RollupSite, bucket: Bucket): Promise<boolean> {
    const asOf = await readServerTime(events);
    const children = listChildren(bucket);
    let isNewest = true;
    // One dimension after another, so that a month of many values fits into memory.
    for (const dimension of site.dimensions) {
      const sum = await store.addUp(site.number, dimension, children);
      try {
        if (sum.rows.size > 0 || sum.hasTooManyValues) {
          const isWritten = await store.write(
            { site: site.number, ...bucket },
            asOf,
            new Map([[dimension, sum]]),
          );
          isNewest &&= isWritten;
        }
      } finally {
        sum.dispose();
      }
    }
    return isNewest;
  }

  async function rollUp(mark: MarkDocument): Promise<RollupOutcome> {
    const { site_id, granularity, start } = mark._id;
    const bucket = { granularity, startMs: start.getTime() };
    const isHour = granularity === 'hour';
    if (!isHour && (await marks.hasMarkInside({ site_id, ...bucket }))) {
      return 'left';
    }
    const site = await openSite(collections, site_id);
    const isNewest = isHour ? await rollUpHour(site, { site_id, ...bucket }) : await fold(site, bucket);
    if (!isNewest) {
      return 'left';
    }
    // The larger bucket is marked before this one may be believed, so that no answer mixes the new with the old.
    await marks.markParent({ site_id, ...bucket });
    return (await marks.clear(mark)) ? 'rolled up' : 'left';
  }

  return {
    rollUpRipe: async ({ site_id, signal, onBucket }) => {
      const failures: unknown[] = [];
      for (const granularity of GRANULARITIES) {
        const tried = new Set<string>();
        for (;;) {
          const ripe = await marks.findRipe(granularity, tried.size + MARKS_AT_ONCE, site_id);
          const fresh = ripe.filter(({ _id }) => !tried.has(toKey(_id)));
          if (fresh.length === 0 || signal.aborted) {
            break;
          }
          await runAtOnce(HOURS_AT_ONCE, fresh, async (mark) => {
            tried.add(toKey(mark._id));
            if (!signal.aborted) {
              try {
                const outcome = await rollUp(mark);
                onBucket?.(mark._id, outcome);
              } catch (error) {
                failures.push(error);
              }
            }
          });
        }
      }
      if (failures.length > 0) {
        throw failures[0];
      }
    },
  };
}

function toBucket({ granularity, startMs }: Bucket): Bucket {
  return { granularity, startMs };
}

function toKey({ site_id, start }: MarkDocument['_id']): string {
  return `${start.getTime()}/${site_id}`;
}

async function readServerTime(events: mongo.Collection): Promise<Date> {
  const [now] = await events.db
    .aggregate<{ now: Date }>([{ $documents: [{}] }, { $project: { now: '$$NOW' } }])
    .toArray();
  if (!now) {
    throw new Error('MongoDB did not tell its time.');
  }
  return now.now;
}

async function runAtOnce<Item>(
  count: number,
  items: readonly Item[],
  run: (item: Item) => Promise<void>,
): Promise<void> {
  const line = items.values();
  await Promise.all(
    Array.from({ length: count }, async () => {
      for (const item of line) {
        await run(item);
      }
    }),
  );
}
