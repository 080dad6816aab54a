import { TimeoutError } from '@analytics/shared/async/withTimeout';
import type { Refusal } from '@analytics/shared/http/problem';
import { hasErrorCode } from '@analytics/shared/mongo/mongoErrors';
import { mongo } from 'mongoose';

/** Why a report is answered with 503. The metrics count each reason from the start. */
export const REFUSAL_REASONS = [
  /** Too many reports wait already. */
  'busy',
  /** The report did not finish in time. */
  'timeout',
  'mongodb_unavailable',
  /** MongoDB rejected a query. */
  'failed',
] as const;

export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** Says that a problem refuses a report. */
export function refuseReport(reason: RefusalReason): { refusal: Refusal } {
  return { refusal: { reason, count: 1 } };
}

/** A query can fail before the watch over MongoDB notices that it is away. */
export function findRefusalReason(error: unknown, isMongoUp: boolean): RefusalReason {
  const isAway =
    error instanceof mongo.MongoNetworkError ||
    error instanceof mongo.MongoServerSelectionError ||
    error instanceof mongo.MongoNotConnectedError;
  if (isAway || !isMongoUp) {
    return 'mongodb_unavailable';
  }
  return error instanceof TimeoutError || hasErrorCode(error, 'MaxTimeMSExpired') ? 'timeout' : 'failed';
}
