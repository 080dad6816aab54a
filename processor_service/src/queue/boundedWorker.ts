import { type Job, WaitingError } from 'bullmq';
import type { Redis } from 'ioredis';
import { ByteSemaphore } from './byteSemaphore.ts';
import { JobText } from './jobText.ts';
import { LenientWorker } from './lenientWorker.ts';
import { measureNextJobs } from './nextJobs.ts';

/**
 * The budget of a worker for the data of its jobs: once for all jobs that it holds, once for those that run.
 * A byte of data takes about eight bytes of memory, as text, parsed, as records and as BSON
 * (docs/decisions/0014). A hundred jobs of a hundred usual events use a quarter of the budget.
 */
export const MAX_HELD_BYTES = 8 * 1024 * 1024;

/** Other workers may take measured jobs first, so this many more jobs are measured than may be taken. */
const MARGIN_JOBS = 100;

interface Holding {
  bytes: number;
  isRunning: boolean;
  isFetching: boolean;
}

/**
 * A worker with a bound on the memory of its jobs:
 *
 * - It takes no further job while the jobs that it holds exceed the budget. The size of a job is known only
 *   after it
 * is taken. So the worker takes one job at a time, and several only if the next jobs in the queue were
 * measured and
 *   fit.
 * - A job waits as text until the running jobs leave room for it. A job larger than the budget runs alone.
 * - When the worker closes, the waiting jobs return to the queue.
 */
export class BoundedWorker<Result> extends LenientWorker<Result> {
  private readonly semaphore = new ByteSemaphore(MAX_HELD_BYTES);
  private readonly holdings = new WeakMap<Job, Holding>();
  private heldBytes = 0;
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
        this.semaphore.release(holding.bytes);
      }
      if (holding.isFetching) {
        this.fetching -= 1;
      }
      // BullMQ's loop asks for another job as soon as this promise settles.
      this.hold(-holding.bytes);
    }
  }

  protected override async callProcessJob(
    job: Job<unknown, Result>,
    token: string,
    signal?: AbortSignal,
  ): Promise<Result> {
    const holding = this.findHolding(job);
    holding.isRunning = await this.semaphore.acquire(holding.bytes);
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
      // BullMQ renews the job's lock here, but not in `fetchNextCallback`.
      if (await this.mayFetchNext()) {
        this.fetching += 1;
        holding.isFetching = true;
      }
    }
  }

  override close(force?: boolean): Promise<void> {
    this.semaphore.close();
    return super.close(force);
  }

  private get hasRoom(): boolean {
    return this.heldBytes < MAX_HELD_BYTES;
  }

  private hold(bytes: number): void {
    this.heldBytes += bytes;
    // BullMQ allows no lower concurrency than 1. With one job held, it fetches none.
    this.concurrency = this.hasRoom ? (this.opts.concurrency ?? 1) : 1;
  }

  private findHolding(job: Job): Holding {
    return this.holdings.get(job) as Holding;
  }

  /**
   * Whether a finished job may fetch the next one. Otherwise BullMQ's loop fetches one job after another, and
   * each is counted before the next fetch.
   */
  private mayFetchNext(): Promise<boolean> {
    this.toMeasure += 1;
    this.measuring ??= this.measureSoon();
    return this.measuring;
  }

  /** Measures once for all jobs that finish in the same turn of the event loop. */
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
      // Not the worker's blocking connection, which BullMQ opens for itself.
      const redis = this.opts.connection as Redis;
      const nextBytes = await measureNextJobs(redis, this, count + MARGIN_JOBS);
      return this.heldBytes + nextBytes <= MAX_HELD_BYTES;
    } catch {
      // BullMQ reports the same failure of Redis when it finishes the job.
      return false;
    }
  }
}
