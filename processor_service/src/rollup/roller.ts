import { chunk } from '@analytics/shared/chunk';
import {
  type Bucket,
  findBucketEnd,
  GRANULARITIES,
  type Granularity,
  listChildren,
} from '@analytics/shared/rollup/buckets';
import {
  type MarkDocument,
  type RollupCollections,
  TOTALS,
} from '@analytics/shared/rollup/rollupCollections';
import type { mongo } from 'mongoose';
import type { BucketCounts } from './bucketCounts.ts';
import { countEvents } from './countEvents.ts';
import type { EventSpan } from './eventGroups.ts';
import type { Marks } from './marks.ts';
import type { RollupStore, SiteBucketNumber } from './rollupStore.ts';
import { listFoldedDimensions, openSite, type RollupSite } from './sites.ts';
import type { UserNumbers } from './userNumbers.ts';
import type { ValueCounts } from './valueCounts.ts';

/** Marks that are looked at together. */
const MARKS_AT_ONCE = 200;

/** While MongoDB groups the events of some hours, the users of others are counted here. */
const TASKS_AT_ONCE = 2;

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

  /** Counts hours of one site and calls back with what became of each. */
  async function rollUpHours(
    site: RollupSite,
    hours: readonly MarkDocument[],
    signal: AbortSignal,
    onHour: (mark: MarkDocument, outcome: RollupOutcome) => void,
  ): Promise<void> {
    const asOf = await readServerTime(events);
    const spans = hours.map((mark) => toHourSpan(mark)).sort((a, b) => a.startMs - b.startMs);
    const counted = countEvents(
      { events, resolveUsers: userNumbers.resolve },
      {
        site_id: site.site_id,
        siteNumber: site.number,
        spans: takeUntilAborted(spans, signal),
        admit: site.admit,
      },
    );
    for await (const { span, counts } of counted) {
      try {
        const isNewest = await writeHour(site, span, asOf, counts);
        onHour(span.mark, isNewest ? await finish(span.mark) : 'left');
      } finally {
        counts.dispose();
      }
    }
  }

  /** @returns whether nothing that was begun later is there. */
  async function writeHour(
    site: RollupSite,
    { startMs }: HourSpan,
    asOf: Date,
    { dimensions }: BucketCounts,
  ): Promise<boolean> {
    const bucket = { site: site.number, granularity: 'hour' as const, startMs };
    await site.save();
    const needed = new Map<string, ValueCounts>();
    for (const [dimension, counts] of dimensions) {
      if (await isNeeded(bucket, dimension, counts)) {
        needed.set(dimension, counts);
      }
    }
    const isNewest = needed.size === 0 || (await store.write(bucket, asOf, needed));
    await store.removeOlder(bucket, asOf, listOthers(site.dimensions, needed));
    return isNewest;
  }

  /**
   * Where there was something before, there is an empty edition afterwards, until which the old one stays: a reader that has just seen
   * that nothing is marked must not find nothing there.
   */
  async function isNeeded(
    bucket: SiteBucketNumber,
    dimension: string,
    { rows, hasTooManyValues }: ValueCounts,
  ): Promise<boolean> {
    return rows.size > 0 || hasTooManyValues || (dimension === TOTALS && (await store.has(bucket)));
  }

  async function rollUpLarger(site: RollupSite, mark: MarkDocument): Promise<RollupOutcome> {
    const { site_id, granularity, start } = mark._id;
    const bucket = { granularity, startMs: start.getTime() };
    if (await marks.hasMarkInside({ site_id, ...bucket })) {
      return 'left';
    }
    return (await fold(site, bucket)) ? finish(mark) : 'left';
  }

  /** @returns whether nothing that was begun later is there. */
  async function fold(site: RollupSite, { granularity, startMs }: Bucket): Promise<boolean> {
    const asOf = await readServerTime(events);
    const bucket = { site: site.number, granularity, startMs };
    const children = listChildren(bucket);
    const written = new Set<string>();
    let isNewest = true;
    // One dimension after another, so that a month of many values fits into memory.
    for (const dimension of listFoldedDimensions(site)) {
      const sum = await store.addUp(site.number, dimension, children);
      try {
        if (await isNeeded(bucket, dimension, sum)) {
          written.add(dimension);
          const isWritten = await store.write(bucket, asOf, new Map([[dimension, sum]]));
          isNewest &&= isWritten;
        }
      } finally {
        sum.dispose();
      }
    }
    await store.removeOlder(bucket, asOf, listOthers(site.dimensions, written));
    return isNewest;
  }

  async function finish(mark: MarkDocument): Promise<RollupOutcome> {
    const { site_id, granularity, start } = mark._id;
    // The larger bucket is marked before this one may be believed, so that no answer mixes the new with the old.
    await marks.markParent({ site_id, granularity, startMs: start.getTime() });
    return (await marks.clear(mark)) ? 'rolled up' : 'left';
  }

  return {
    rollUpRipe: async ({ site_id, signal, onBucket }) => {
      const failures: unknown[] = [];
      /** Shared, so that what is done at the same time takes in the same dimensions. */
      const sites = new Map<string, Promise<RollupSite>>();

      function findSite(site_id: string): Promise<RollupSite> {
        const site = sites.get(site_id) ?? openSite(collections, site_id);
        sites.set(site_id, site);
        return site;
      }

      /** Does a task, or each of its marks alone if it fails, so that one bad bucket holds up no other. */
      async function attempt(task: readonly MarkDocument[]): Promise<void> {
        const done = new Set<MarkDocument>();
        const onDone = (mark: MarkDocument, outcome: RollupOutcome) => {
          done.add(mark);
          onBucket?.(mark._id, outcome);
        };
        const [first] = task;
        if (first === undefined || signal.aborted) {
          return;
        }
        const { site_id } = first._id;
        const finding = findSite(site_id);
        try {
          const site = await finding;
          if (first._id.granularity === 'hour') {
            await rollUpHours(site, task, signal, onDone);
          } else {
            onDone(first, await rollUpLarger(site, first));
          }
        } catch (error) {
          // What it knows may be behind what is there.
          if (sites.get(site_id) === finding) {
            sites.delete(site_id);
          }
          if (task.length === 1) {
            failures.push(error);
            return;
          }
          for (const mark of task) {
            if (!done.has(mark)) {
              await attempt([mark]);
            }
          }
        }
      }

      for (const granularity of GRANULARITIES) {
        const tried = new Set<string>();
        for (;;) {
          const ripe = await marks.findRipe(granularity, tried.size + MARKS_AT_ONCE, site_id);
          const fresh = ripe.filter(({ _id }) => !tried.has(toKey(_id)));
          if (fresh.length === 0 || signal.aborted) {
            break;
          }
          for (const { _id } of fresh) {
            tried.add(toKey(_id));
          }
          await runAtOnce(TASKS_AT_ONCE, divideIntoTasks(granularity, fresh), attempt);
        }
      }
      if (failures.length > 0) {
        throw failures[0];
      }
    },
  };
}

interface HourSpan extends EventSpan {
  mark: MarkDocument;
}

function toHourSpan(mark: MarkDocument): HourSpan {
  const startMs = mark._id.start.getTime();
  return { startMs, endMs: findBucketEnd({ granularity: 'hour', startMs }), mark };
}

function* takeUntilAborted<Item>(items: Iterable<Item>, signal: AbortSignal): Generator<Item> {
  for (const item of items) {
    if (signal.aborted) {
      return;
    }
    yield item;
  }
}

function listOthers(dimensions: Iterable<string>, written: Pick<ReadonlySet<string>, 'has'>): string[] {
  return [...dimensions].filter((dimension) => !written.has(dimension));
}

/** The hours of a site are counted together, as many as leave something for each of those at work. */
function divideIntoTasks(granularity: Granularity, fresh: readonly MarkDocument[]): MarkDocument[][] {
  if (granularity !== 'hour') {
    return fresh.map((mark) => [mark]);
  }
  const sites = new Map<string, MarkDocument[]>();
  for (const mark of fresh) {
    const { site_id } = mark._id;
    sites.set(site_id, [...(sites.get(site_id) ?? []), mark]);
  }
  return [...sites.values()].flatMap((hours) => chunk(hours, Math.ceil(hours.length / TASKS_AT_ONCE)));
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
