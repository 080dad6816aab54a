import type { Redis } from 'ioredis';

/** The load of some jobs. */
export interface QueuedLoad {
  events: number;
  bytes: number;
}

export interface OwnJobs {
  /** Records a job that Redis has acknowledged. */
  record(jobId: string, load: QueuedLoad): void;
  /**
   * The load of the jobs of this process that no worker has finished.
   *
   * @throws Error if Redis does not answer.
   */
  count(): Promise<QueuedLoad>;
}

interface Checkpoint extends QueuedLoad {
  /** The last job that it counts. */
  jobId: string;
}

/** Beyond this many, each pair becomes one, so that a long outage of the workers costs little memory. */
const MAX_CHECKPOINTS = 1000;

/** BullMQ gives no job this id. */
const NO_JOB = '0';

/**
 * Counts the unfinished jobs of this process, with only the permissions that adding a job needs. A finished
 * job is removed immediately, and jobs are taken in order, so all jobs up to a checkpoint are finished when
 * the last one is gone.
 *
 * @param toKey Returns the key of a job.
 */
export function createOwnJobs(redis: Pick<Redis, 'hmget'>, toKey: (jobId: string) => string): OwnJobs {
  const checkpoints: Checkpoint[] = [];
  let newest: Checkpoint | undefined;

  async function isGone(jobId: string): Promise<boolean> {
    const [timestamp] = await redis.hmget(toKey(jobId), 'timestamp');
    return timestamp === null;
  }

  function closeNewest(): void {
    if (newest) {
      checkpoints.push(newest);
      newest = undefined;
    }
    if (checkpoints.length > MAX_CHECKPOINTS) {
      const merged = mergePairs(checkpoints);
      checkpoints.splice(0, checkpoints.length, ...merged);
    }
  }

  return {
    record: (jobId, { events, bytes }) => {
      newest = { jobId, events: (newest?.events ?? 0) + events, bytes: (newest?.bytes ?? 0) + bytes };
    },
    count: async () => {
      closeNewest();
      // Without a checkpoint Redis is queried, too: no count while it does not answer.
      while ((await isGone(checkpoints[0]?.jobId ?? NO_JOB)) && checkpoints.length > 0) {
        checkpoints.shift();
      }
      return checkpoints.reduce(addLoad, { events: 0, bytes: 0 });
    },
  };
}

function mergePairs(checkpoints: readonly Checkpoint[]): Checkpoint[] {
  const merged: Checkpoint[] = [];
  for (let index = 0; index < checkpoints.length; index += 2) {
    const [first, second] = checkpoints.slice(index, index + 2) as [Checkpoint, Checkpoint?];
    merged.push(second ? { ...addLoad(first, second), jobId: second.jobId } : first);
  }
  return merged;
}

function addLoad(a: QueuedLoad, b: QueuedLoad): QueuedLoad {
  return { events: a.events + b.events, bytes: a.bytes + b.bytes };
}
