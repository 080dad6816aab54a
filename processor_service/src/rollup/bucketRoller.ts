import { type Bucket, findBucketEnd, listChildren } from '@analytics/shared/rollup/buckets';
import { type MarkDocument, TOTALS } from '@analytics/shared/rollup/rollupCollections';
import type { mongo } from 'mongoose';
import type { BucketCounts } from './bucketCounts.ts';
import { countEvents } from './countEvents.ts';
import type { EventSpan } from './eventGroups.ts';
import type { Marks } from './marks.ts';
import type { RollupStore, SiteBucketNumber } from './rollupStore.ts';
import { listFoldedDimensions, type RollupSite } from './sites.ts';
import type { UserNumbers } from './userNumbers.ts';
import type { ValueCounts } from './valueCounts.ts';

export interface BucketRollerDeps {
  events: mongo.Collection;
  marks: Marks;
  userNumbers: UserNumbers;
  store: RollupStore;
}

/** What became of a marked bucket. One that was marked again, or holds a smaller one that is, stays. */
export type RollupOutcome = 'rolled up' | 'left';

export interface BucketRoller {
  /**
   * Counts hours of one site, whose marks the edition has claimed before the site was opened, and calls back with what became of each.
   * Ends early when the signal says so.
   */
  rollUpHours(
    site: RollupSite,
    hours: readonly MarkDocument[],
    edition: number,
    signal: AbortSignal,
    onHour: (mark: MarkDocument, outcome: RollupOutcome) => void,
  ): Promise<void>;
  /** Folds a day or a month, whose mark the edition has claimed. */
  rollUpLarger(site: RollupSite, mark: MarkDocument, edition: number): Promise<RollupOutcome>;
}

/** Rolls up single buckets of a site. May be cut off anywhere: what is written is believed only once its mark is gone. */
export function createBucketRoller(deps: BucketRollerDeps): BucketRoller {
  const { events, marks, userNumbers, store } = deps;

  async function rollUpHours(
    site: RollupSite,
    hours: readonly MarkDocument[],
    edition: number,
    signal: AbortSignal,
    onHour: (mark: MarkDocument, outcome: RollupOutcome) => void,
  ): Promise<void> {
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
        const isNewest = await writeHour(site, span, edition, counts);
        onHour(span.mark, isNewest ? await finish(span.mark, edition) : 'left');
      } finally {
        counts.dispose();
      }
    }
  }

  /** @returns whether no later edition is there. */
  async function writeHour(
    site: RollupSite,
    { startMs }: HourSpan,
    edition: number,
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
    const isNewest = needed.size === 0 || (await store.write(bucket, edition, needed));
    await store.removeOlder(bucket, edition, listOthers(site.dimensions, needed));
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

  async function rollUpLarger(site: RollupSite, mark: MarkDocument, edition: number): Promise<RollupOutcome> {
    const { site_id, granularity, start } = mark._id;
    const bucket = { granularity, startMs: start.getTime() };
    if (await marks.hasMarkInside({ site_id, ...bucket })) {
      return 'left';
    }
    return (await fold(site, bucket, edition)) ? finish(mark, edition) : 'left';
  }

  /** @returns whether no later edition is there. */
  async function fold(site: RollupSite, { granularity, startMs }: Bucket, edition: number): Promise<boolean> {
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
          const isWritten = await store.write(bucket, edition, new Map([[dimension, sum]]));
          isNewest &&= isWritten;
        }
      } finally {
        sum.dispose();
      }
    }
    await store.removeOlder(bucket, edition, listOthers(site.dimensions, written));
    return isNewest;
  }

  async function finish(mark: MarkDocument, edition: number): Promise<RollupOutcome> {
    const { site_id, granularity, start } = mark._id;
    // The larger bucket is marked before this one may be believed, so that no answer mixes the new with the old.
    await marks.markParent({ site_id, granularity, startMs: start.getTime() });
    return (await marks.clear(mark, edition)) ? 'rolled up' : 'left';
  }

  return { rollUpHours, rollUpLarger };
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
