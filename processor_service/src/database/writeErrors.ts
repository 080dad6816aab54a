import { TimeoutError } from '@analytics/shared/async/withTimeout';
import { mongo } from 'mongoose';

/** What became of one event of a write. */
export type StoreOutcome = 'stored' | 'duplicate' | Refusal;

/** Why an event was not stored. */
export interface Refusal {
  /** Whether the event itself is at fault. If it may not be, it is tried again some more times. */
  isFinal: boolean;
  /** For the dead letter. It may quote the event. */
  reason: string;
  /** For the log: the same without any of the event's content. */
  cause: string;
}

/** What the server answers to an insert (https://www.mongodb.com/docs/manual/reference/command/insert/). */
export interface InsertReply {
  writeErrors?: WriteError[];
  errorLabels?: string[];
  /** Of a replica set only. */
  operationTime?: mongo.Timestamp;
}

interface WriteError {
  index: number;
  code: number;
  errmsg?: string;
  /** The fields of the index, of a duplicate key. */
  keyPattern?: Record<string, unknown>;
}

/** MongoDB refused a document because of its own state, which passes. */
export class TransientWriteError extends Error {
  override name = 'TransientWriteError';
}

const DUPLICATE_KEY = 11000;

/**
 * Errors that say something of the document alone
 * (https://www.mongodb.com/docs/manual/reference/error-codes/).
 */
const DOCUMENT_ERRORS = new Set([
  121, // DocumentValidationFailure
  10334, // BSONObjectTooLarge
]);

/**
 * Errors that say something of the server's state and nothing of the document. The first group is what the
 * driver retries; it keeps its list to itself (`RETRYABLE_WRITE_ERROR_CODES` in mongodb/lib/error.js). The
 * second group an operator mends. A code that is in no list is tried again for a limited time, so a code that
 * is missing here loses nothing.
 */
const SERVER_STATES = new Map([
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
 * Whether a failure passes by waiting: MongoDB comes back, or its operator mends it. What is wrong with a
 * document or with this code stays wrong.
 */
export function isTransientError(error: unknown): boolean {
  if (error instanceof mongo.MongoBulkWriteError) {
    // With write errors it speaks of single documents; without, of the connection or the write concern.
    return [error.writeErrors].flat().length === 0 || SERVER_STATES.has(Number(error.code));
  }
  return (
    error instanceof TimeoutError ||
    error instanceof TransientWriteError ||
    (error instanceof mongo.MongoError && !(error instanceof mongo.MongoInvalidArgumentError))
  );
}

/**
 * Reads what became of each document of an insert.
 *
 * @throws TransientWriteError if the server did not write one because of its own state.
 */
export function readOutcomes({ writeErrors = [], errorLabels }: InsertReply, count: number): StoreOutcome[] {
  const outcomes = new Array<StoreOutcome>(count).fill('stored');
  const isRetryable = errorLabels?.includes(mongo.MongoErrorLabel.RetryableWriteError) ?? false;
  for (const error of writeErrors) {
    const state = SERVER_STATES.get(error.code);
    if (state !== undefined || isRetryable) {
      throw new TransientWriteError(
        `MongoDB did not write an event: error ${error.code} (${state ?? 'retryable'})`,
      );
    }
    outcomes[error.index] = isDuplicateId(error) ? 'duplicate' : toRefusal(error);
  }
  return outcomes;
}

/** The refusal of an event for which this code fails. */
export function refuse(error: unknown, isFinal: boolean): Refusal {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  return {
    isFinal,
    reason: `The event could not be written: ${message}`,
    cause: `an event made the writer fail (${name})`,
  };
}

/** A duplicate in an index that somebody else made is no second delivery of the same event. */
function isDuplicateId({ code, keyPattern, errmsg = '' }: WriteError): boolean {
  if (code !== DUPLICATE_KEY) {
    return false;
  }
  if (keyPattern === undefined) {
    // What stands before the key itself; the key is the client's text.
    return /index: (\S+\$)?_id_ *$/.test(errmsg.split(' dup key')[0] ?? '');
  }
  return Object.keys(keyPattern).join() === '_id';
}

function toRefusal({ code, errmsg = `error ${code}`, keyPattern }: WriteError): Refusal {
  const index = keyPattern === undefined ? '' : `, unique index ${JSON.stringify(keyPattern)}`;
  return {
    isFinal: DOCUMENT_ERRORS.has(code),
    reason: `MongoDB refused the event: ${errmsg}`,
    cause: `MongoDB refused an event (error ${code}${index})`,
  };
}
