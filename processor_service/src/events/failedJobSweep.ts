import { repeatEvery } from '@analytics/shared/async/repeatEvery';
import { waitAtMost } from '@analytics/shared/async/withTimeout';
import type { Logger } from '@analytics/shared/service/logger';
import { createOutageLog } from '@analytics/shared/service/outageLog';
import { createMoveFailedJob, type MoveFailedJobDeps } from './moveFailedJob.ts';

const SWEEP_INTERVAL_MS = 10_000;
const PAGE_SIZE = 50;
const CLOSE_DEADLINE_MS = 500;

export interface FailedJobSweepOptions extends MoveFailedJobDeps {
  logger: Logger;
}

export interface FailedJobSweep {
  /** Requests a sweep now instead of after the interval. */
  request(): void;
  /** Stops after the current move, for which it waits a moment. */
  close(): Promise<void>;
}

/**
 * Moves the events of failed jobs to the dead letters: of jobs that lost too many workers, or that failed at
 * every attempt. Leaves out events that are stored. A job that cannot be moved stays in the queue, does not
 * affect the others, and is tried again.
 *
 * Every worker sweeps. Two workers that move the same job save the same dead letters, because the `_id` of a
 * dead letter follows from the job.
 */
export function startFailedJobSweep(options: FailedJobSweepOptions): FailedJobSweep {
  const { queue, logger } = options;
  const moveJob = createMoveFailedJob(options);
  const outageLog = createOutageLog(
    { began: 'cannot move failed jobs to the dead letters', ended: 'failed jobs are moved again' },
    logger,
  );
  let reported = new Map<string, string>();

  /** Resolves with the jobs that cannot be moved, and the reasons. */
  async function moveAll(signal: AbortSignal): Promise<Map<string, string>> {
    const blocked = new Map<string, string>();
    for (;;) {
      // Oldest first: jobs that fail meanwhile come after the remaining ones.
      const jobIds = await queue.getRanges(['failed'], blocked.size, blocked.size + PAGE_SIZE - 1, true);
      const unseen = jobIds.filter((jobId) => !blocked.has(jobId));
      if (unseen.length === 0) {
        return blocked;
      }
      for (const jobId of unseen) {
        if (signal.aborted) {
          return blocked;
        }
        const blocker = await moveJob(jobId);
        if (blocker !== undefined) {
          blocked.set(jobId, blocker);
        }
      }
    }
  }

  /** Logs each job that cannot be moved once per reason. It stays in the queue for an operator. */
  function report(blocked: Map<string, string>): void {
    for (const [jobId, blocker] of blocked) {
      if (reported.get(jobId) !== blocker) {
        logger.error(
          { job_id: jobId, reason: blocker },
          'cannot move a failed job to the dead letters; it stays in the queue',
        );
      }
    }
    reported = blocked;
  }

  const sweep = repeatEvery(SWEEP_INTERVAL_MS, async (signal) => {
    try {
      report(await moveAll(signal));
      outageLog.recovered();
    } catch (error) {
      if (!signal.aborted) {
        outageLog.failed(error as Error);
      }
    }
  });

  return {
    request: sweep.runNow,
    // The next sweep repeats an interrupted move, so one that waits for an absent server is abandoned.
    close: () => waitAtMost(sweep.stop(), CLOSE_DEADLINE_MS),
  };
}
