import { createEventLoopYield } from '@analytics/shared/async/yieldEventLoop';
import { type Bucket, findBucketEnd, listChildren } from '@analytics/shared/rollup/buckets';
import { type MarkDocument, TOTALS } from '@analytics/shared/rollup/rollupCollections';
import type { mongo } from 'mongoose';
import { type BucketCounts, createBucketCounts } from './bucketCounts.ts';
import { countEvents } from './countEvents.ts';
import type { EventSpan } from './eventGroups.ts';
import { createLargeTurns, type LargeTurn } from './largeTurn.ts';
import type { Marks } from './marks.ts';
import type { SiteBucketNumber } from './rollupDocuments.ts';
import type { RollupStore } from './rollupStore.ts';
import { listFoldedDimensions, type RollupSite } from './sites.ts';
import type { UserNumbers } from './userNumbers.ts';
import type { ValueCounts } from './valueCounts.ts';

export interface BucketRollerDeps {
  events: mongo.Collection;
  marks: Marks;
  userNumbers: UserNumbers;
  store: RollupStore;
  /** The memory budget of the counts of one bucket, in bytes. Absent: MAX_BUCKET_BYTES. */
  maxBucketBytes?: number | undefined;
}

/** What became of a marked bucket. One that was marked again, or holds a smaller one that is, stays. */
export type RollupOutcome = 'rolled up' | 'left';

export interface BucketRoller {
  /**
   * Counts hours of one site and calls back with what became of each. The edition must have claimed their
   * marks before the site was opened. Ends early when the signal says so.
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

/**
 * Rolls up single buckets of a site. May be cut off anywhere: what is written is believed only once its mark
 * is gone.
 */
export function createBucketRoller(deps: BucketRollerDeps): BucketRoller {
  const { events, marks, userNumbers, store, maxBucketBytes } = deps;
  const largeTurns = createLargeTurns();

  async function rollUpHours(
    site: RollupSite,
    hours: readonly MarkDocument[],
    edition: number,
    signal: AbortSignal,
    onHour: (mark: MarkDocument, outcome: RollupOutcome) => void,
  ): Promise<void> {
    const spans = hours.map((mark) => toHourSpan(mark)).sort((a, b) => a.startMs - b.startMs);
    const counted = countEvents(
      { events, resolveUsers: userNumbers.resolve, largeTurns },
      {
        site_id: site.site_id,
        siteNumber: site.number,
        spans: takeUntilAborted(spans, signal),
        admit: site.admit,
        maxBytes: maxBucketBytes,
      },
    );
    for await (const { span, counts } of counted) {
      try {
        await site.save();
        const bucket = { site: site.number, granularity: 'hour' as const, startMs: span.startMs };
        const isNewest = await replace(site, bucket, edition, counts);
        onHour(span.mark, isNewest ? await finish(span.mark, edition) : 'left');
      } finally {
        counts.dispose();
      }
    }
  }

  /**
   * Puts the counts in the place of earlier ones.
   *
   * @returns whether no later edition is there.
   */
  async function replace(
    site: RollupSite,
    bucket: SiteBucketNumber,
    edition: number,
    { dimensions }: BucketCounts,
  ): Promise<boolean> {
    const needed = new Map<string, ValueCounts>();
    for (const [dimension, counts] of dimensions) {
      if (await isNeeded(bucket, dimension, counts)) {
        needed.set(dimension, counts);
      }
    }
    const isNewest = await store.write(bucket, edition, needed);
    const others = [...site.dimensions].filter((dimension) => !needed.has(dimension));
    await store.removeOlder(bucket, edition, others);
    return isNewest;
  }

  /**
   * Where there was something before, there is an empty edition afterwards, until which the old one stays: a
   * reader that has just seen that nothing is marked must not find nothing there.
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
    const turn = largeTurns.join();
    const counts = createBucketCounts({ admit: () => false, maxBytes: maxBucketBytes });
    try {
      await addUpChildren(site, bucket, counts, turn);
      const isNewest = await replace(site, { site: site.number, ...bucket }, edition, counts);
      return isNewest ? await finish(mark, edition) : 'left';
    } finally {
      counts.dispose();
      turn.end();
    }
  }

  async function addUpChildren(
    site: RollupSite,
    bucket: Bucket,
    counts: BucketCounts,
    turn: LargeTurn,
  ): Promise<void> {
    const children = store.openBuckets(site.number, listChildren(bucket));
    const yieldLoop = createEventLoopYield();
    for (const dimension of listFoldedDimensions(site)) {
      await children.addUp(dimension, counts.open(dimension), async () => {
        counts.keepBudget();
        await yieldLoop();
        await turn.hold(counts.bytes);
      });
    }
  }

  async function finish(mark: MarkDocument, edition: number): Promise<RollupOutcome> {
    const { site_id, granularity, start } = mark._id;
    // The larger bucket is marked before this one may be believed, so that no answer mixes the new with the
    // old.
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
