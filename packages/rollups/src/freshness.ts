import {
  type Bucket,
  findBucketStart,
  findParent,
  GRANULARITIES,
  MAX_DATE,
  MIN_DATE,
  type TimeSpan,
  toBucketKey,
} from './calendar.ts';
import { toBucket } from './countsReader.ts';
import {
  type BackfillDocument,
  type InvalidationDocument,
  ROLLUP_COLLECTIONS,
  ROLLUP_FORMAT,
  type RollupCollections,
  type SiteCodeDocument,
} from './documents.ts';
import { invalidationsRange } from './keys.ts';

/** Which rollups of a site contain every event stored before the moment of the read. */
export interface Freshness {
  /** Undefined if the site never had a rollup: its valid buckets contain no events. */
  site: SiteCodeDocument | undefined;
  isFresh(bucket: Bucket): boolean;
}

const DOCUMENTS_PER_REPLY = 5000;

/**
 * Reads which buckets of a span are valid. Invalidations precede writes, so a bucket that is valid now
 * contains every event stored before now. Resolves with undefined until the backfill is complete. Calls
 * `onInvalidation` for each invalidation, so that the caller can limit their number by throwing.
 */
export async function readFreshness(
  collections: RollupCollections,
  site_id: string,
  span: TimeSpan | undefined,
  onInvalidation: () => void = () => {},
): Promise<Freshness | undefined> {
  const found = collections.meta.aggregate<
    BackfillDocument | Pick<InvalidationDocument, '_id'> | SiteCodeDocument
  >(buildPipeline(site_id, span), { ...collections.readOptions, batchSize: DOCUMENTS_PER_REPLY });
  let isBackfilled = false;
  let site: SiteCodeDocument | undefined;
  const stale = new Set<string>();
  for await (const document of found) {
    if ('is_complete' in document) {
      isBackfilled = document.is_complete && document.format === ROLLUP_FORMAT;
    } else if ('code' in document) {
      site = document;
    } else {
      onInvalidation();
      addWithParents(stale, toBucket(document._id));
    }
  }
  return isBackfilled ? { site, isFresh: (bucket) => !stale.has(toBucketKey(bucket)) } : undefined;
}

/**
 * Reads three collections in one query, one after another. The invalidations follow the backfill, which may
 * say that they are complete. The site follows the invalidations: a process adds a dimension to it before it
 * resolves one.
 */
function buildPipeline(site_id: string, span: TimeSpan | undefined) {
  const invalidations = [{ $match: { $or: listRanges(site_id, span) } }, { $project: { _id: 1 } }];
  return [
    { $match: { _id: 'backfill' } },
    { $unionWith: { coll: ROLLUP_COLLECTIONS.invalidations, pipeline: invalidations } },
    { $unionWith: { coll: ROLLUP_COLLECTIONS.siteCodes, pipeline: [{ $match: { _id: site_id } }] } },
  ];
}

/** Each range begins with the bucket that contains the start of the span, because that one counts, too. */
function listRanges(site_id: string, span: TimeSpan | undefined) {
  return GRANULARITIES.map((granularity) =>
    invalidationsRange(site_id, granularity, {
      startMs: span ? findBucketStart(granularity, span.startMs) : MIN_DATE.getTime(),
      endMs: span?.endMs ?? MAX_DATE.getTime(),
    }),
  );
}

function addWithParents(stale: Set<string>, invalid: Bucket): void {
  for (let bucket: Bucket | undefined = invalid; bucket; bucket = findParent(bucket)) {
    stale.add(toBucketKey(bucket));
  }
}
