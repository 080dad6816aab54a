import { randomUUID } from 'node:crypto';
import { hasErrorCode } from '@analytics/shared/mongo/mongoErrors';
import type { mongo } from 'mongoose';

/** How long a dead process keeps a lease (ms). A live one renews it. */
export const LEASE_MS = 60_000;

/** A document of `leases`. */
interface LeaseDocument {
  _id: string;
  holder: string | null;
  expires_at: Date;
  /** The latest time for which the task was done. */
  done_for: Date;
}

/** Lets one of several processes do a daily task. MongoDB has the state, and its clock ends the leases. */
export interface DailyLease {
  /** Resolves with whether this process got the lease: nobody has it, and the task is not done for `due`. */
  claim(due: Date): Promise<boolean>;
  /** Extends the lease. Resolves with false if another process has taken it over. */
  renew(): Promise<boolean>;
  /** Ends the lease. `doneFor`: the task is done for this time, and not due for it again. */
  release(doneFor?: Date): Promise<void>;
}

/** @param since A new task counts as done for this time. */
export function createDailyLease(
  db: mongo.Db,
  { task, since, leaseMs = LEASE_MS }: { task: string; since: Date; leaseMs?: number },
): DailyLease {
  const leases = db.collection<LeaseDocument>('leases');
  const holder = randomUUID();
  const extend = [{ $set: { holder, expires_at: { $add: ['$$NOW', leaseMs] } } }];
  const EXPIRED = new Date(0);

  async function ensureTask(): Promise<void> {
    const first = { holder: null, expires_at: EXPIRED, done_for: since };
    try {
      await leases.updateOne({ _id: task }, { $setOnInsert: first }, { upsert: true });
    } catch (error) {
      // Another process inserted it at the same time.
      if (!hasErrorCode(error, 'DuplicateKey')) {
        throw error;
      }
    }
  }

  return {
    claim: async (due) => {
      await ensureTask();
      const isFree = { $expr: { $lte: ['$expires_at', '$$NOW'] } };
      const { matchedCount } = await leases.updateOne(
        { _id: task, done_for: { $lt: due }, ...isFree },
        extend,
      );
      return matchedCount === 1;
    },
    renew: async () => (await leases.updateOne({ _id: task, holder }, extend)).matchedCount === 1,
    release: async (doneFor) => {
      const done = doneFor && { done_for: doneFor };
      await leases.updateOne({ _id: task, holder }, { $set: { holder: null, expires_at: EXPIRED, ...done } });
    },
  };
}
