import { type Bucket, findBucketEnd, listChildren, type TimeSpan } from '@analytics/rollups/calendar';
import { toBucket } from '@analytics/rollups/countsReader';
import {
  type InvalidationDocument,
  type RollupCollections,
  TOTAL_DIMENSION,
} from '@analytics/rollups/documents';
import type { Invalidations } from '@analytics/rollups/invalidations';
import type { CodedBucket } from '@analytics/rollups/keys';
import type { UserDictionary } from '@analytics/rollups/userDictionary/assign';
import { createEventLoopYield } from '@analytics/shared/async/yieldEventLoop';
import type { mongo } from 'mongoose';
import { type BucketCounts, createBucketCounts } from './counting/bucketCounts.ts';
import { countEvents } from './counting/countEvents.ts';
import { createLargeBucketLock, type LargeBucketClaim } from './counting/largeBucketLock.ts';
import type { ValueCounts } from './counting/valueCounts.ts';
import type { CountsWriter } from './countsWriter.ts';
import type { OpenBuckets } from './mergeBuckets.ts';
import { listMergedDimensions, type RollupSite } from './rollupSite.ts';

export interface BucketBuilderDeps {
  events: mongo.Collection;
  collections: RollupCollections;
  invalidations: Invalidations;
  userDictionary: UserDictionary;
  writer: CountsWriter;
  openBuckets: OpenBuckets;
  /** The memory budget of the counts of one bucket, in bytes. Absent: MAX_BUCKET_BYTES. */
  maxBucketBytes?: number | undefined;
}

/** A bucket is still stale if it was invalidated again, or a smaller bucket inside it is invalid. */
export type RefreshOutcome = 'refreshed' | 'still-stale';

export interface BucketBuilder {
  /**
   * Counts hours of one site from events, and calls `onHour` with the outcome of each. The version must have
   * claimed the hours before the site was opened. Ends early when the signal aborts.
   */
  buildHours(
    site: RollupSite,
    hours: readonly InvalidationDocument[],
    version: number,
    signal: AbortSignal,
    onHour: (invalidation: InvalidationDocument, outcome: RefreshOutcome) => void,
  ): Promise<void>;
  /** Merges a day from its hours, or a month from its days. The version must have claimed it. */
  buildFromChildren(
    site: RollupSite,
    invalidation: InvalidationDocument,
    version: number,
  ): Promise<RefreshOutcome>;
}

/**
 * Builds single buckets. Can be interrupted anywhere: reports use a bucket only once its invalidation is
 * resolved.
 */
export function createBucketBuilder(deps: BucketBuilderDeps): BucketBuilder {
  const { events, invalidations, userDictionary, writer, openBuckets, maxBucketBytes } = deps;
  const largeBucketLock = createLargeBucketLock();

  async function finish(invalidation: InvalidationDocument, version: number): Promise<RefreshOutcome> {
    const { _id } = invalidation;
    // The parent becomes invalid before this bucket becomes valid, so that no answer mixes old and new
    // counts.
    await invalidations.invalidateParent({ site_id: _id.site_id, ...toBucket(_id) });
    return (await invalidations.resolve(invalidation, version)) ? 'refreshed' : 'still-stale';
  }

  return {
    buildHours: async (site, hours, version, signal, onHour) => {
      const spans = hours.map(toHourSpan).sort((a, b) => a.startMs - b.startMs);
      const counted = countEvents(
        { events, assignCodes: (users) => userDictionary.assign(site.code, users), largeBucketLock },
        {
          site_id: site.site_id,
          spans: takeUntilAborted(spans, signal),
          registerDimension: site.registerDimension,
          maxBytes: maxBucketBytes,
        },
      );
      for await (const { span, counts } of counted) {
        try {
          await site.save();
          const bucket = { site: site.code, granularity: 'hour' as const, startMs: span.startMs };
          const isNewest = await replaceBucket(writer, site, bucket, version, counts);
          onHour(span.invalidation, isNewest ? await finish(span.invalidation, version) : 'still-stale');
        } finally {
          counts.dispose();
        }
      }
    },
    buildFromChildren: async (site, invalidation, version) => {
      const bucket = toBucket(invalidation._id);
      if (await invalidations.hasInvalidationInside({ site_id: site.site_id, ...bucket })) {
        return 'still-stale';
      }
      const claim = largeBucketLock.join();
      const counts = createBucketCounts({ registerDimension: () => false, maxBytes: maxBucketBytes });
      try {
        await mergeChildren(openBuckets, site, bucket, counts, claim);
        const isNewest = await replaceBucket(writer, site, { site: site.code, ...bucket }, version, counts);
        return isNewest ? await finish(invalidation, version) : 'still-stale';
      } finally {
        counts.dispose();
        claim.end();
      }
    },
  };
}

/** Replaces the counts of earlier versions. Resolves with whether no later version exists. */
async function replaceBucket(
  writer: CountsWriter,
  site: RollupSite,
  bucket: CodedBucket,
  version: number,
  { dimensions }: BucketCounts,
): Promise<boolean> {
  const needed = new Map<string, ValueCounts>();
  for (const [dimension, counts] of dimensions) {
    // Empty totals replace earlier ones instead of deleting them: a reader that has just seen the bucket
    // valid must not find nothing there.
    const isTotal = dimension === TOTAL_DIMENSION;
    if (counts.rows.size > 0 || counts.hasTooManyValues || (isTotal && (await writer.has(bucket)))) {
      needed.set(dimension, counts);
    }
  }
  const isNewest = await writer.write(bucket, version, needed);
  const others = [...site.dimensions].filter((dimension) => !needed.has(dimension));
  await writer.removeOlder(bucket, version, others);
  return isNewest;
}

async function mergeChildren(
  openBuckets: OpenBuckets,
  site: RollupSite,
  bucket: Bucket,
  counts: BucketCounts,
  claim: LargeBucketClaim,
): Promise<void> {
  const children = openBuckets(site.code, listChildren(bucket));
  const yieldLoop = createEventLoopYield();
  for (const dimension of listMergedDimensions(site)) {
    await children.merge(dimension, counts.open(dimension), async () => {
      counts.keepBudget();
      await yieldLoop();
      await claim.hold(counts.bytes);
    });
  }
}

interface HourSpan extends TimeSpan {
  invalidation: InvalidationDocument;
}

function toHourSpan(invalidation: InvalidationDocument): HourSpan {
  const startMs = invalidation._id.start.getTime();
  return { startMs, endMs: findBucketEnd({ granularity: 'hour', startMs }), invalidation };
}

function* takeUntilAborted<Item>(items: Iterable<Item>, signal: AbortSignal): Generator<Item> {
  for (const item of items) {
    if (signal.aborted) {
      return;
    }
    yield item;
  }
}
