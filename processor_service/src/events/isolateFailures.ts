import { mongo } from 'mongoose';
import { isTransientError, type StoreOutcome, toRejection } from '../database/writeErrors.ts';
import type { InsertRecord } from './eventRecord.ts';

/**
 * Stores records together by `store`, which must be safe to repeat with some of them. If that fails,
 * separates the faulty records and stores the others: first the records that cannot be serialized. If there
 * are none, it bisects the records until each faulty one is alone.
 *
 * @throws the error of `store`, if it is transient.
 */
export async function isolateFailures(
  records: readonly InsertRecord[],
  store: (records: readonly InsertRecord[]) => Promise<StoreOutcome[]>,
): Promise<StoreOutcome[]> {
  try {
    return await store(records);
  } catch (error) {
    if (isTransientError(error)) {
      throw error;
    }
    const faults = records.map(findSerializationFault);
    if (faults.some((fault) => fault !== undefined)) {
      const intact = records.filter((_, index) => faults[index] === undefined);
      const outcomes = intact.length > 0 ? await isolateFailures(intact, store) : [];
      return faults.map((fault) => fault ?? (outcomes.shift() as StoreOutcome));
    }
    if (records.length === 1) {
      return [toRejection(error, false)];
    }
    const middle = Math.ceil(records.length / 2);
    return [
      ...(await isolateFailures(records.slice(0, middle), store)),
      ...(await isolateFailures(records.slice(middle), store)),
    ];
  }
}

/** The driver serializes the whole command, and does not report which document failed. */
function findSerializationFault(record: InsertRecord): StoreOutcome | undefined {
  try {
    mongo.BSON.serialize(record);
    return undefined;
  } catch (error) {
    return toRejection(error, true);
  }
}
