import { type Bucket, findBucketEnd } from '@analytics/shared/rollup/buckets';
import {
  type CountsDocument,
  QUARTERS,
  type RollupCollections,
  TOTALS,
} from '@analytics/shared/rollup/rollupCollections';
import { toBucketKey } from './bucketKey.ts';
import { findRuns } from './coverage.ts';
import { TooManyValuesError } from './tooManyValues.ts';

/** A rollup was written again while it was read. The question must be asked anew. */
export class RollupChangedError extends Error {
  override name = 'RollupChangedError';
}

/** The most values of a dimension that are read in one go, of all buckets together. */
const MAX_VALUES = 1_000_000;

/**
 * The counts of a dimension in some buckets, by the buckets' keys. Nothing stands for a bucket in which nothing happened; where no
 * event had a value, the totals are those of null.
 *
 * @throws RollupChangedError
 * @throws TooManyValuesError
 */
export type ReadCounts = (
  dimension: string,
  buckets: readonly Bucket[],
) => Promise<ReadonlyMap<string, CountsDocument[]>>;

/** Reads a site's counts. What is asked for again, by another part of the same report, is read once. */
export function createCountsReader(
  { rollups, readOptions }: Pick<RollupCollections, 'rollups' | 'readOptions'>,
  site: number,
): ReadCounts {
  const asked = new Map<string, ReturnType<ReadCounts>>();

  async function readDimension(dimension: string, buckets: readonly Bucket[]) {
    const ranges = findRuns(buckets).map(({ first, last }) => {
      const key = { site, dimension, granularity: first.granularity };
      const start = new Date(first.startMs);
      const end = new Date(findBucketEnd(last));
      return { _id: { $gte: { ...key, start }, $lt: { ...key, start: end } } };
    });
    const documents: CountsDocument[] = [];
    let values = 0;
    if (ranges.length > 0) {
      for await (const document of rollups.find({ $or: ranges as never }, readOptions)) {
        documents.push(document);
        values += document.values.length;
        if (values > MAX_VALUES) {
          throw new TooManyValuesError(`Some buckets have more than ${MAX_VALUES} values of ${dimension}.`);
        }
      }
    }
    return groupByBucket(documents, new Set(buckets.map(toBucketKey)));
  }

  function readOnce(dimension: string, buckets: readonly Bucket[]): ReturnType<ReadCounts> {
    const key = [dimension, ...buckets.map(toBucketKey)].join();
    const answer = asked.get(key) ?? readDimension(dimension, buckets);
    asked.set(key, answer);
    return answer;
  }

  return async (dimension, buckets) => {
    // Every event has a value of these two.
    if (dimension === TOTALS || dimension === QUARTERS) {
      return readOnce(dimension, buckets);
    }
    const [counts, totals] = await Promise.all([readOnce(dimension, buckets), readOnce(TOTALS, buckets)]);
    return new Map([...totals, ...counts]);
  };
}

function groupByBucket(documents: readonly CountsDocument[], wanted: ReadonlySet<string>) {
  const groups = new Map<string, CountsDocument[]>();
  for (const document of documents) {
    const { granularity, start, part } = document._id;
    const key = toBucketKey({ granularity, startMs: start.getTime() });
    if (wanted.has(key)) {
      const group = groups.get(key) ?? [];
      // An earlier edition may have had more parts, which are still there.
      if (part < (group[0]?.parts ?? document.parts)) {
        group.push(document);
        groups.set(key, group);
      }
    }
  }
  for (const group of groups.values()) {
    const first = group[0];
    if (group.length !== first?.parts || group.some(({ edition }) => edition !== first.edition)) {
      throw new RollupChangedError('The parts of a rollup are of two editions.');
    }
  }
  return groups;
}
