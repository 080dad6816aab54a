import { describeOversize, toMebibytes } from '../queue/jobSize.ts';
import type { Terminal } from './deadLetterCommands.ts';
import {
  countItems,
  type FailedJobInfo,
  findFailedJob,
  readJobData,
  type SplitCounts,
  type SplitJobDeps,
  splitJob,
} from './splitJob.ts';

export interface OversizeJobCommandsDeps extends Omit<SplitJobDeps, 'queue'>, Terminal {
  /** Resolves with the queue once Redis is available. */
  openQueue: () => Promise<SplitJobDeps['queue']>;
}

export interface OversizeJobCommands {
  /** Prints the failed jobs that are too large to be read, one per line. */
  listOversize(): Promise<void>;
  /** Counts the items of a failed job; if confirmed, splits it. Resolves with whether the job exists. */
  split(id: string): Promise<boolean>;
  /** Deletes a failed job with all of its items, if confirmed. Resolves with whether the job exists. */
  discard(id: string): Promise<boolean>;
}

/** The jobs of one round trip. */
const PAGE_SIZE = 100;

/** The commands for jobs that failed because they are too large to be read. */
export function createOversizeJobCommands(deps: OversizeJobCommandsDeps): OversizeJobCommands {
  const { redis, deadLetters, openQueue, print, showProgress, confirm } = deps;

  /** Runs `work` for a failed job, or prints that it does not exist. */
  async function withFailedJob(
    id: string,
    work: (job: FailedJobInfo, split: SplitJobDeps) => Promise<void>,
  ): Promise<boolean> {
    const split = { redis, queue: await openQueue(), deadLetters };
    const job = await findFailedJob(split, id);
    if (job) {
      await work(job, split);
    } else {
      print(`There is no failed job ${id}.`);
    }
    return job !== undefined;
  }

  return {
    listOversize: async () => {
      const queue = await openQueue();
      let count = 0;
      for (let start = 0; ; start += PAGE_SIZE) {
        const ids = await queue.getRanges(['failed'], start, start + PAGE_SIZE - 1, true);
        for (const job of await Promise.all(ids.map((id) => findFailedJob({ redis, queue }, id)))) {
          if (job && describeOversize(job.bytes) !== undefined) {
            count += 1;
            print([job.id, new Date(job.timestamp).toISOString(), job.name, describeSize(job)].join('  '));
          }
        }
        if (ids.length < PAGE_SIZE) {
          break;
        }
      }
      print(`${describeCount(count, 'job')} too large to be read.`);
    },
    split: (id) =>
      withFailedJob(id, async (job, split) => {
        const data = await readJobData(split, job);
        const planned = await countItems(split, job, data);
        if (await confirm(`Split job ${id} of ${describeSize(job)}: ${describeItems(planned)}?`)) {
          const done = await splitJob(split, job, data, (counts) => showProgress(describeItems(counts)));
          print(`Job ${id} is split: ${describeItems(done)}.`);
          if (done.tooLarge > 0) {
            print(
              `The job stays, because it has items that are too large for a dead letter. discard ${id} deletes it.`,
            );
          }
        }
      }),
    discard: (id) =>
      withFailedJob(id, async (job, { queue }) => {
        if (await confirm(`Delete for good job ${id} of ${describeSize(job)} and all that is in it?`)) {
          const isRemoved = (await queue.remove(id)) === 1;
          print(isRemoved ? `Job ${id} is deleted.` : `Job ${id} can't be deleted: it is locked.`);
        }
      }),
  };
}

function describeSize({ bytes }: FailedJobInfo): string {
  return `${toMebibytes(bytes)} MiB`;
}

function describeItems({ events, invalid, tooLarge }: SplitCounts): string {
  return [
    `${describeCount(events, 'event')} to the queue`,
    ...(invalid > 0 ? [`${describeCount(invalid, 'item')} to the dead letters`] : []),
    ...(tooLarge > 0 ? [`${describeCount(tooLarge, 'item')} too large for a dead letter`] : []),
  ].join(', ');
}

function describeCount(count: number, what: string): string {
  return count === 1 ? `1 ${what}` : `${count} ${what}s`;
}
