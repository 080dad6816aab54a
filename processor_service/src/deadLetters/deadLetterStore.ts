import type { EventJob } from '@analytics/shared/event/event';
import type { DependencyHealth } from '@analytics/shared/http/health';
import type { Logger } from '@analytics/shared/service/logger';
import { mongo, Types } from 'mongoose';
import { isPassingError } from '../database/writeErrors.ts';
import type { Unreadable } from '../events/readJob.ts';
import type { DeadLetterModel, DeadLetterRecord } from '../models/DeadLetter.model.ts';

/** Something that can't be stored, and why: `reason` for the letter, `cause` for the log. */
export type DeadLetter = { event: EventJob; reason: string; cause: string } | Unreadable;

export interface FailedJob {
  id: string;
  /** How often a worker had taken it up. */
  attempts: number;
}

export interface DeadLetters {
  /**
   * Keeps what can't be stored, and warns of each new letter. The same event again only renews when it last
   * failed and why.
   *
   * @throws The driver's error if MongoDB could not take it; calling again is safe. RefusedLetterError if it
   *   never will.
   */
  keep(letters: readonly DeadLetter[], job: FailedJob): Promise<void>;
  /**
   * Warns of the letters that there are. Their number is at most as old as the last call, and brought up to
   * date by each.
   */
  readonly health: Pick<DependencyHealth, 'warnings'>;
}

/** A letter that MongoDB does not take as it is. */
export class RefusedLetterError extends Error {
  override name = 'RefusedLetterError';
}

/** A job of nothing but poison would fill a line of the log. */
const MAX_LOGGED_IDS = 20;

/** Keeps in MongoDB what was accepted and can't be stored, to be looked at and replayed by a person. */
export function createDeadLetters(
  DeadLetter: DeadLetterModel,
  logger: Pick<Logger, 'warn'>,
  now: () => Date = () => new Date(),
): DeadLetters {
  let count = 0;

  /** The collection's metadata know the number, so that asking costs the same however many there are. */
  function refreshCount(): void {
    DeadLetter.estimatedDocumentCount().then(
      (found) => {
        count = found;
      },
      // The number stays what it was. That MongoDB is away is the watch's to log.
      () => {},
    );
  }
  refreshCount();

  return {
    keep: async (letters, job) => {
      if (letters.length === 0) {
        return;
      }
      const failedAt = now();
      const { upsertedIds } = await write(
        DeadLetter,
        letters.map((letter) => ({
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
      const kept = Object.keys(upsertedIds).map((index) => letters[Number(index)] as DeadLetter);
      if (kept.length > 0) {
        count += kept.length;
        const causes = [...new Set(kept.map(({ cause }) => cause))];
        logger.warn(
          { job_id: job.id, dead_letters: kept.length, ids: kept.slice(0, MAX_LOGGED_IDS).map(idOf), causes },
          'events cannot be stored and are kept as dead letters: see npm run dead-letters -- list',
        );
      }
    },
    get health() {
      refreshCount();
      const letters = count === 1 ? '1 dead letter waits' : `${count} dead letters wait`;
      return count === 0 ? {} : { warnings: [`${letters} for a person: see npm run dead-letters -- list`] };
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
    if (isPassingError(error)) {
      throw error;
    }
    // The server quotes what it did not take; the driver only names its size.
    const why = error instanceof mongo.MongoServerError ? `error ${error.code}` : (error as Error).message;
    throw new RefusedLetterError(`MongoDB does not take a dead letter: ${why}`);
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

/** The site helps to find the letter again, so it is worth a look into what could not be read. */
function readSiteId(raw: string): string | null {
  return /"site_id":"((?:[^"\\]|\\.){1,128})"/.exec(raw)?.[1] ?? null;
}
