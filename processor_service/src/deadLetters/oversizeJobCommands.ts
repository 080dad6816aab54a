import { describeOversize, toMebibytes } from '../queue/jobSize.ts';
import {
  countItems,
  type FailedJobInfo,
  findFailedJob,
  readJobData,
  type SplitCounts,
  type SplitJobDeps,
  splitJob,
} from './splitJob.ts';

export interface OversizeJobCommandsDeps extends Omit<SplitJobDeps, 'queue'> {
  /** Resolves with the queue once it can be reached. */
  openQueue: () => Promise<SplitJobDeps['queue']>;
  /** Writes a line for a person. */
  print: (line: string) => void;
  /** Shows how far a long work is; does nothing where nobody watches. */
  showProgress: (line: string) => void;
  /** Asks whether to go on. */
  confirm: (question: string) => Promise<boolean>;
}

export interface OversizeJobCommands {
  /** Writes the failed jobs that are too large to be read, a line each. */
  listOversize(): Promise<void>;
  /**
   * Says what a failed job holds and, if confirmed, splits it into jobs that can be read. Resolves with
   * whether there is such a job.
   */
  split(id: string): Promise<boolean>;
  /** If confirmed, deletes a failed job with all that it holds. Resolves with whether there is such a job. */
  discard(id: string): Promise<boolean>;
}

/** How many jobs are looked at in one round trip. */
const PAGE_SIZE = 100;

/** The commands for jobs that failed because they are too large to be read. */
export function createOversizeJobCommands(deps: OversizeJobCommandsDeps): OversizeJobCommands {
  const { redis, deadLetters, openQueue, print, showProgress, confirm } = deps;

  /** Does something with a failed job, or says that there is none. */
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
            print(`The job stays, because of what is too large for a dead letter. discard ${id} deletes it.`);
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
