import type { mongo } from 'mongoose';
import type { Bucket, Granularity, TimeSpan } from './calendar.ts';
import type {
  CountsDocument,
  CountsKey,
  InvalidationDocument,
  UserBitmapsDocument,
  UserPageDocument,
} from './documents.ts';

// MongoDB compares embedded documents field by field, in the order of their fields, and a range over `_id`
// uses the index only if its bounds begin with the same fields. So every `_id`, and every bound of a range,
// is built here: the order of the fields is written once, and so are the casts that a bound needs because it
// lacks the last fields.

export interface SiteBucket extends Bucket {
  site_id: string;
}

/** A bucket of a site code. */
export interface CodedBucket extends Bucket {
  site: number;
}

export interface CodedDimensionBucket extends CodedBucket {
  dimension: string;
}

/** One dimension of one site. */
export type DimensionOfSite = Pick<CountsKey, 'site' | 'dimension'>;

/** The `_id` of one part of the counts of a bucket. */
export function toCountsKey(bucket: CodedDimensionBucket, part: number): CountsKey {
  return { ...toCountsPrefix(bucket), part };
}

/** The parts of the counts that start within a span. */
export function countsRange(
  of: DimensionOfSite,
  granularity: Granularity,
  { startMs, endMs }: TimeSpan,
): mongo.Filter<CountsDocument> & mongo.Filter<UserBitmapsDocument> {
  return toRange(
    toCountsPrefix({ ...of, granularity, startMs }),
    toCountsPrefix({ ...of, granularity, startMs: endMs }),
  );
}

/** The counts, bitmaps or user pages of the site codes from `first` to `last`. */
export function siteCodesRange(first: number, last: number) {
  return { $gte: { site: first }, $lt: { site: last + 1 } };
}

/** The `_id` of a document of bitmaps of some counts. */
export function toBitmapsKey(
  { site, dimension, granularity, start, part }: CountsKey,
  chunk: number,
): UserBitmapsDocument['_id'] {
  return { site, dimension, granularity, start, part, chunk };
}

/** The `_id` of a bucket's invalidation. */
export function toInvalidationKey({
  site_id,
  granularity,
  startMs,
}: SiteBucket): InvalidationDocument['_id'] {
  return { site_id, granularity, start: new Date(startMs) };
}

/** The invalidations of one granularity whose buckets start within a span. */
export function invalidationsRange(
  site_id: string,
  granularity: Granularity,
  { startMs, endMs }: TimeSpan,
): mongo.Filter<InvalidationDocument> {
  return toRange(
    toInvalidationKey({ site_id, granularity, startMs }),
    toInvalidationKey({ site_id, granularity, startMs: endMs }),
  );
}

/** The `_id` of a page of the user dictionary. */
export function toPageKey(site: number, tier: number, page: number): UserPageDocument['_id'] {
  return { site, tier, page };
}

function toCountsPrefix({
  site,
  dimension,
  granularity,
  startMs,
}: CodedDimensionBucket): Omit<CountsKey, 'part'> {
  return { site, dimension, granularity, start: new Date(startMs) };
}

function toRange(start: object, end: object) {
  return { _id: { $gte: start, $lt: end } as never };
}
