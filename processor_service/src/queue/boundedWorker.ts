import { type Job, WaitingError } from 'bullmq';
import type { Redis } from 'ioredis';
import { JobText } from './jobText.ts';
import { LenientWorker } from './lenientWorker.ts';
import { measureNextJobs } from './nextJobs.ts';
import { ByteSemaphore } from './turns.ts';

/**
 * How many bytes of data the jobs of a worker may have together: those it holds before it takes another one,
 * and those it works on. Each takes about eight bytes of memory, as text, parsed, as records and as BSON
 * (docs/decisions/0014). A hundred jobs of a hundred usual events have a quarter of it.
 */
export const MAX_BYTES_IN_HAND = 8 * 1024 * 1024;

/** Other workers may take jobs that were measured, so this many more are measured than may be taken. */
const MARGIN_JOBS = 100;

interface Holding {
  bytes: number;
  isRunning: boolean;
  isFetching: boolean;
}

/**
 * A worker whose memory does not follow what its jobs carry. Three rules bound it:
 *
 * - It takes no further job while those that it holds have `MAX_BYTES_IN_HAND`. A job's size is known only
 *   when it is here,
 *   so it takes one at a time, and several at once only if the next ones in the queue were measured and fit.
 * - A job waits as text for its turn. Those whose turn it is have `MAX_BYTES_IN_HAND` together; a larger one
 *   runs alone.
 * - What still waits for its turn when the worker is closed goes back to the queue.
 */
export class BoundedWorker<Result> extends LenientWorker<Result> {
  private readonly turns = new ByteSemaphore(MAX_BYTES_IN_HAND);
  private readonly holdings = new WeakMap<Job, Holding>();
  private bytesInHand = 0;
  private fetching = 0;
  private measuring: Promise<boolean> | undefined;
  private toMeasure = 0;

  protected override async nextJobFromJobData(
    ...args: Parameters<LenientWorker<Result>['nextJobFromJobData']>
  ): Promise<Job<unknown, Result>> {
    const job = await super.nextJobFromJobData(...args);
    if (job !== undefined) {
      const bytes = job.data instanceof JobText ? job.data.bytes : 0;
      this.holdings.set(job, { bytes, isRunning: false, isFetching: false });
      this.hold(bytes);
    }
    return job;
  }

  override async processJob(
    job: Job<unknown, Result>,
    token: string,
    fetchNextCallback: () => boolean = () => true,
  ): Promise<undefined | Job<unknown, Result>> {
    const holding = this.findHolding(job);
    const mayFetch = () => holding.isFetching && this.hasRoom && fetchNextCallback();
    try {
      return (await super.processJob(job, token, mayFetch)) ?? undefined;
    } finally {
      if (holding.isRunning) {
        this.turns.end(holding.bytes);
      }
      if (holding.isFetching) {
        this.fetching -= 1;
      }
      // Before BullMQ's loop sees that the job is done: it asks then whether there is room for another one.
      this.hold(-holding.bytes);
    }
  }

  protected override async callProcessJob(
    job: Job<unknown, Result>,
    token: string,
    signal?: AbortSignal,
  ): Promise<Result> {
    const holding = this.findHolding(job);
    holding.isRunning = await this.turns.take(holding.bytes);
    if (!holding.isRunning) {
      await job.moveToWait(token);
      throw new WaitingError();
    }
    if (job.data instanceof JobText) {
      job.data = job.data.parse();
    }
    try {
      return await super.callProcessJob(job, token, signal);
    } finally {
      // Here and not in `processJob`'s question, because the job's lock is still renewed.
      if (await this.mayFetchAnother()) {
        this.fetching += 1;
        holding.isFetching = true;
      }
    }
  }

  override close(force?: boolean): Promise<void> {
    this.turns.close();
    return super.close(force);
  }

  private get hasRoom(): boolean {
    return this.bytesInHand < MAX_BYTES_IN_HAND;
  }

  private hold(bytes: number): void {
    this.bytesInHand += bytes;
    // With one job in hand, the least that BullMQ lets a worker have, none is fetched.
    this.concurrency = this.hasRoom ? (this.opts.concurrency ?? 1) : 1;
  }

  private findHolding(job: Job): Holding {
    return this.holdings.get(job) as Holding;
  }

  /**
   * Whether a job that is done may bring the next one. Where it may not, BullMQ's loop fetches: one job after
   * another, and each is counted before the next is asked for.
   */
  private mayFetchAnother(): Promise<boolean> {
    this.toMeasure += 1;
    this.measuring ??= this.measureSoon();
    return this.measuring;
  }

  /** Answers all jobs that are done in the same moment at once. */
  private async measureSoon(): Promise<boolean> {
    await new Promise(setImmediate);
    const count = this.toMeasure;
    this.toMeasure = 0;
    this.measuring = undefined;
    if (!this.hasRoom) {
      return false;
    }
    if (count === 1 && this.fetching === 0) {
      return true;
    }
    try {
      // The worker has a connection of its own for what blocks.
      const redis = this.opts.connection as Redis;
      const nextBytes = await measureNextJobs(redis, this, count + MARGIN_JOBS);
      return this.bytesInHand + nextBytes <= MAX_BYTES_IN_HAND;
    } catch {
      // Whatever ails Redis, BullMQ meets it itself when it finishes the job.
      return false;
    }
  }
}
