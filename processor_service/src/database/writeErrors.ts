import { TimeoutError } from '@analytics/shared/async/withTimeout';
import { MONGO_ERROR_CODES } from '@analytics/shared/mongo/mongoErrors';
import { mongo } from 'mongoose';

/** The outcome of the write of one event. */
export type StoreOutcome = 'stored' | 'duplicate' | Rejection;

/** Why an event was not stored. */
export interface Rejection {
  /** Whether the event itself is the cause. Otherwise the write is repeated a limited number of times. */
  isFinal: boolean;
  /** The reason for the dead letter. It may quote the event. */
  reason: string;
  /** The reason for the log, without content of the event. */
  cause: string;
}

/** The server's reply to an insert (https://www.mongodb.com/docs/manual/reference/command/insert/). */
export interface InsertReply {
  writeErrors?: WriteError[];
  errorLabels?: string[];
  /** Present if the server is a member of a replica set. */
  operationTime?: mongo.Timestamp;
}

interface WriteError {
  index: number;
  code: number;
  errmsg?: string;
  /** The fields of the index that already contains the key. */
  keyPattern?: Record<string, unknown>;
}

/** MongoDB rejected a document because of its own state, which is temporary. */
export class TransientWriteError extends Error {
  override name = 'TransientWriteError';
}

/** Codes that depend only on the document. */
const DOCUMENT_CODES = new Set<number>([
  MONGO_ERROR_CODES.DocumentValidationFailure,
  MONGO_ERROR_CODES.BSONObjectTooLarge,
]);

/**
 * Codes, with their names, that depend only on the server's state. The driver retries the first group; it
 * does not export its list (`RETRYABLE_WRITE_ERROR_CODES` in mongodb/lib/error.js). An operator resolves the
 * second group. A code that is in no list is retried a limited number of times, so an incomplete list loses
 * no event.
 */
const TRANSIENT_CODES = new Map([
  [6, 'HostUnreachable'],
  [7, 'HostNotFound'],
  [89, 'NetworkTimeout'],
  [91, 'ShutdownInProgress'],
  [134, 'ReadConcernMajorityNotAvailableYet'],
  [189, 'PrimarySteppedDown'],
  [262, 'ExceededTimeLimit'],
  [9001, 'SocketException'],
  [10058, 'LegacyNotPrimary'],
  [10107, 'NotWritablePrimary'],
  [11600, 'InterruptedAtShutdown'],
  [11602, 'InterruptedDueToReplStateChange'],
  [13388, 'StaleConfig'],
  [13435, 'NotPrimaryNoSecondaryOk'],
  [13436, 'NotPrimaryOrSecondary'],

  [13, 'Unauthorized'],
  [24, 'LockTimeout'],
  [50, 'MaxTimeMSExpired'],
  [112, 'WriteConflict'],
  [365, 'TemporarilyUnavailable'],
  [371, 'UserWritesBlocked'],
  [11601, 'Interrupted'],
  [14031, 'OutOfDiskSpace'],
]);

/**
 * Whether a failure is temporary: MongoDB returns, or its operator resolves it. A faulty document or a bug is
 * not.
 */
export function isTransientError(error: unknown): boolean {
  if (error instanceof mongo.MongoBulkWriteError) {
    // Write errors concern single documents. Without any, the connection or the write concern failed.
    return [error.writeErrors].flat().length === 0 || TRANSIENT_CODES.has(Number(error.code));
  }
  return (
    error instanceof TimeoutError ||
    error instanceof TransientWriteError ||
    (error instanceof mongo.MongoError && !(error instanceof mongo.MongoInvalidArgumentError))
  );
}

/**
 * Reads the outcome of each document of an insert.
 *
 * @throws TransientWriteError if the server rejected a document because of its own state.
 */
export function readOutcomes({ writeErrors = [], errorLabels }: InsertReply, count: number): StoreOutcome[] {
  const outcomes = new Array<StoreOutcome>(count).fill('stored');
  const isRetryable = errorLabels?.includes(mongo.MongoErrorLabel.RetryableWriteError) ?? false;
  for (const error of writeErrors) {
    const state = TRANSIENT_CODES.get(error.code);
    if (state !== undefined || isRetryable) {
      throw new TransientWriteError(
        `MongoDB did not write an event: error ${error.code} (${state ?? 'retryable'})`,
      );
    }
    outcomes[error.index] = isDuplicateId(error) ? 'duplicate' : readRejection(error);
  }
  return outcomes;
}

/** The rejection of an event that makes this process throw. */
export function toRejection(error: unknown, isFinal: boolean): Rejection {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  return {
    isFinal,
    reason: `The event could not be written: ${message}`,
    cause: `an event made the writer fail (${name})`,
  };
}

/**
 * Whether the event was delivered before. A duplicate in an index that an operator added does not mean that.
 */
function isDuplicateId({ code, keyPattern, errmsg = '' }: WriteError): boolean {
  if (code !== MONGO_ERROR_CODES.DuplicateKey) {
    return false;
  }
  if (keyPattern === undefined) {
    // Only the text before the key, because a client chooses the key.
    return /index: (\S+\$)?_id_ *$/.test(errmsg.split(' dup key')[0] ?? '');
  }
  return Object.keys(keyPattern).join() === '_id';
}

function readRejection({ code, errmsg = `error ${code}`, keyPattern }: WriteError): Rejection {
  const index = keyPattern === undefined ? '' : `, unique index ${JSON.stringify(keyPattern)}`;
  return {
    isFinal: DOCUMENT_CODES.has(code),
    reason: `MongoDB refused the event: ${errmsg}`,
    cause: `MongoDB refused an event (error ${code}${index})`,
  };
}
