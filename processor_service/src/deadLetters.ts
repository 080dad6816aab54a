import type { EventJob } from '@analytics/shared/event';
import { Types } from 'mongoose';
import type { DeadLetterModel, DeadLetterRecord } from './models/DeadLetter.model.ts';
import type { Unreadable } from './readJob.ts';

/** Something that can't be stored, and why: `reason` for the letter, `cause` for the log. */
export type DeadLetter = { event: EventJob; reason: string; cause: string } | Unreadable;

export interface FailedJob {
  id: string;
  /** How often a worker had taken it up. */
  attempts: number;
}

export interface DeadLetters {
  /**
   * Keeps what can't be stored. The same event again only renews when it last failed and why.
   *
   * @throws The driver's error if MongoDB could not take it. Calling again is safe.
   */
  keep(letters: readonly DeadLetter[], job: FailedJob): Promise<void>;
}

/** Keeps in MongoDB what was accepted and can't be stored, to be looked at and replayed by a person. */
export function createDeadLetters(
  DeadLetter: DeadLetterModel,
  now: () => Date = () => new Date(),
): DeadLetters {
  return {
    keep: async (letters, job) => {
      if (letters.length === 0) {
        return;
      }
      const failedAt = now();
      await DeadLetter.bulkWrite(
        letters.map((letter) => ({
          updateOne: {
            filter: { _id: new Types.ObjectId('event' in letter ? letter.event._id : letter._id) },
            update: {
              $set: { reason: letter.reason, attempts: job.attempts, last_failed_at: failedAt },
              $setOnInsert: { ...describe(letter), job_id: job.id, first_failed_at: failedAt },
            },
            upsert: true,
          },
        })),
        { ordered: false, timestamps: false },
      );
    },
  };
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
