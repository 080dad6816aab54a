import { QUARTER_HOUR_MS, type TimeSpan } from '@analytics/rollups/calendar';
import { isGroupTooLarge } from '@analytics/shared/mongo/groupSize';
import type { mongo } from 'mongoose';
import { type BucketCounts, type BucketCountsOptions, createBucketCounts } from './bucketCounts.ts';
import { readEventGroups } from './eventGroups.ts';
import { type AssignCodes, createGroupBuffer } from './groupBuffer.ts';
import type { LargeBucketLock } from './largeBucketLock.ts';

export interface CountEventsDeps {
  events: mongo.Collection;
  assignCodes: AssignCodes;
  largeBucketLock: LargeBucketLock;
}

export interface CountEventsOptions<Span extends TimeSpan> extends BucketCountsOptions {
  site_id: string;
  spans: Iterable<Span>;
}

/** The counts of one span. The consumer disposes of them. */
export interface CountedEvents<Span extends TimeSpan> {
  span: Span;
  counts: BucketCounts;
}

/**
 * Counts a site's events of some spans in every dimension, and yields the counts in the order of the spans.
 * MongoDB groups the events first, so that little more than the user ids crosses the wire. User ids are
 * looked up many at a time: those of several spans together where each has few events.
 */
export async function* countEvents<Span extends TimeSpan>(
  { events, assignCodes, largeBucketLock }: CountEventsDeps,
  { site_id, spans, registerDimension, maxBytes }: CountEventsOptions<Span>,
): AsyncGenerator<CountedEvents<Span>> {
  const claim = largeBucketLock.join();
  const pending: CountedEvents<Span>[] = [];
  const buffer = createGroupBuffer(assignCodes, claim);
  const createCounts = () => createBucketCounts({ registerDimension, maxBytes });

  /** A group has all its user ids in one document of at most 16 MiB. A smaller step has fewer of them. */
  async function readSpan(target: CountedEvents<Span>): Promise<void> {
    for (let stepMs = QUARTER_HOUR_MS; ; stepMs = Math.ceil(stepMs / 4)) {
      try {
        for await (const group of readEventGroups(events, site_id, target.span, stepMs)) {
          await buffer.add(target, group);
        }
        return;
      } catch (error) {
        if (!isGroupTooLarge(error) || stepMs === 1) {
          throw error;
        }
        buffer.drop(target);
        target.counts.dispose();
        target.counts = createCounts();
      }
    }
  }

  /** The consumer disposes of the counts of one span before it takes the next. */
  async function* yieldCounted(): AsyncGenerator<CountedEvents<Span>> {
    await buffer.flush();
    for (let counted = pending.shift(); counted !== undefined; counted = pending.shift()) {
      yield counted;
    }
    claim.end();
  }

  try {
    let flushes = 0;
    for (const span of spans) {
      const target = { span, counts: createCounts() };
      pending.push(target);
      await readSpan(target);
      // After a flush the pending counts take memory, and after half a buffer a lookup is worth its cost.
      if (buffer.isHalfFull || buffer.flushes > flushes) {
        yield* yieldCounted();
        flushes = buffer.flushes;
      }
    }
    yield* yieldCounted();
  } finally {
    for (const { counts } of pending) {
      counts.dispose();
    }
    claim.end();
  }
}
