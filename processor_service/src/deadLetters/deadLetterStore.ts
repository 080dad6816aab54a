import type { EventJob } from '@analytics/shared/event/event';
import type { DependencyHealth } from '@analytics/shared/http/health';
import type { Logger } from '@analytics/shared/service/logger';
import { mongo, Types } from 'mongoose';
import { isTransientError } from '../database/writeErrors.ts';
import type { InvalidItem, QueuedJob } from '../events/readJob.ts';
import type { DeadLetterModel, DeadLetterRecord } from '../models/DeadLetter.model.ts';

/**
 * An event or item that cannot be stored, with the `reason` for the collection and the `cause` for the log.
 */
export type DeadLetter = { event: EventJob; reason: string; cause: string } | InvalidItem;

export interface DeadLetterStore {
  /**
   * Saves dead letters and logs a warning about the new ones. An existing dead letter gets the new reason and
   * time.
   *
   * @throws The driver's error if MongoDB did not store them; calling again is safe. RejectedDeadLetterError
   *   if it
   *   never will.
   */
  save(deadLetters: readonly DeadLetter[], job: Pick<QueuedJob, 'id' | 'attempts'>): Promise<void>;
  /** The number of dead letters. Each read updates it for the next one. */
  readonly count: number;
  /** Warns about the number of dead letters. Each call updates the number for the next one. */
  readonly health: Pick<DependencyHealth, 'warnings'>;
}

export interface DeadLetterStoreOptions {
  now?: () => Date;
  /** Called for dead letters that did not exist. */
  onAdded?: (count: number) => void;
}

/** MongoDB cannot store a dead letter. */
class RejectedDeadLetterError extends Error {
  override name = 'RejectedDeadLetterError';
}

/** A job with many invalid items would make a long log line. */
const MAX_LOGGED_IDS = 20;

/** Stores accepted events that cannot be stored as events, so that a person can inspect and replay them. */
export function createDeadLetterStore(
  DeadLetter: DeadLetterModel,
  logger: Pick<Logger, 'warn'>,
  { now = () => new Date(), onAdded = () => {} }: DeadLetterStoreOptions = {},
): DeadLetterStore {
  let count = 0;

  /** Reads the collection's metadata, which costs the same for any number of documents. */
  function refreshCount(): void {
    DeadLetter.estimatedDocumentCount().then(
      (found) => {
        count = found;
      },
      // The number stays as it was. The watch logs that MongoDB is away.
      () => {},
    );
  }
  refreshCount();

  return {
    save: async (deadLetters, job) => {
      if (deadLetters.length === 0) {
        return;
      }
      const failedAt = now();
      const { upsertedIds } = await write(
        DeadLetter,
        deadLetters.map((letter) => ({
          updateOne: {
            filter: { _id: new Types.ObjectId(idOf(letter)) },
            update: {
              $set: { reason: letter.reason, attempts: job.attempts, last_failed_at: failedAt },
              $setOnInsert: { ...describe(letter), job_id: job.id, first_failed_at: failedAt },
            },
            upsert: true,
          },
        })),
      );
      const added = Object.keys(upsertedIds).map((index) => deadLetters[Number(index)] as DeadLetter);
      if (added.length > 0) {
        count += added.length;
        onAdded(added.length);
        const causes = [...new Set(added.map(({ cause }) => cause))];
        logger.warn(
          {
            job_id: job.id,
            dead_letters: added.length,
            ids: added.slice(0, MAX_LOGGED_IDS).map(idOf),
            causes,
          },
          'events cannot be stored and are kept as dead letters: see npm run dead-letters -- list',
        );
      }
    },
    get count() {
      refreshCount();
      return count;
    },
    get health() {
      refreshCount();
      const waiting = count === 1 ? '1 dead letter waits' : `${count} dead letters wait`;
      return count === 0 ? {} : { warnings: [`${waiting} for a person: see npm run dead-letters -- list`] };
    },
  };
}

async function write(
  DeadLetter: DeadLetterModel,
  operations: Parameters<DeadLetterModel['bulkWrite']>[0],
): Promise<mongo.BulkWriteResult> {
  try {
    return await DeadLetter.bulkWrite(operations, { ordered: false, timestamps: false });
  } catch (error) {
    if (isTransientError(error)) {
      throw error;
    }
    // The server's message quotes the document; the driver's message contains only its size.
    const why = error instanceof mongo.MongoServerError ? `error ${error.code}` : (error as Error).message;
    throw new RejectedDeadLetterError(`MongoDB does not take a dead letter: ${why}`);
  }
}

function idOf(letter: DeadLetter): string {
  return 'event' in letter ? letter.event._id : letter._id;
}

function describe(letter: DeadLetter): Partial<DeadLetterRecord> {
  return 'event' in letter
    ? { raw: JSON.stringify(letter.event), site_id: letter.event.site_id }
    : { raw: letter.raw, site_id: readSiteId(letter.raw) };
}

/** Finds the site in an invalid item, so that an operator can select the dead letter by its site. */
function readSiteId(raw: string): string | null {
  return /"site_id":"((?:[^"\\]|\\.){1,128})"/.exec(raw)?.[1] ?? null;
}
