import { type Job, RedisConnection, Worker } from 'bullmq';
import { describeOversizeText } from './jobSize.ts';
import { JobText } from './jobText.ts';

/** A queue that refuses to hand out a job, as a full Redis does, is asked again after this pause. */
const ERROR_PAUSE_MS = 500;

/**
 * The oldest Redis that this system runs on. BullMQ takes a Redis whose version it did not ask for as one of
 * its own minimum, which blocks for whole seconds only: every job that is put off for a moment would wait for
 * a second. (Asking has a price: it is done once, and a worker whose question got no answer, or is not
 * allowed, stays broken.)
 */
const MIN_REDIS_VERSION = '6.2.0';

/**
 * BullMQ's worker, but for what it takes badly: data that is no JSON or too much of it, and a Redis that
 * refuses.
 */
export class LenientWorker<Result> extends Worker<unknown, Result> {
  private errorPause: NodeJS.Timeout | undefined;

  constructor(...args: ConstructorParameters<typeof Worker<unknown, Result>>) {
    RedisConnection.minimumVersion = MIN_REDIS_VERSION;
    super(...args);
    this.on('error', () => this.pauseBriefly());
  }

  /**
   * Leaves a job's data as text, a `JobText`, JSON or not. BullMQ's own worker parses it here, throws at what
   * is no JSON before such a job reaches anybody, leaves it locked, and takes it up again without end.
   *
   * A job that is to fail is not read at all: what is too large to be read would take one worker after
   * another down with it.
   */
  protected override createJob(
    json: Parameters<Worker['createJob']>[0],
    jobId: string,
  ): Job<unknown, Result> {
    const deferredFailure = json.deferredFailure ?? describeOversizeText(json.data);
    const job = super.createJob(
      { ...json, data: 'null', ...(deferredFailure !== undefined && { deferredFailure }) },
      jobId,
    );
    if (deferredFailure === undefined) {
      job.data = new JobText(json.data);
    }
    return job;
  }

  override close(force?: boolean): Promise<void> {
    clearTimeout(this.errorPause);
    return super.close(force);
  }

  /**
   * BullMQ asks again at once for a job that it could not get, thousands of times a second while Redis is
   * full.
   */
  private pauseBriefly(): void {
    if (this.errorPause === undefined && !this.closing) {
      void this.pause(true);
      this.errorPause = setTimeout(() => {
        this.errorPause = undefined;
        void this.resume();
      }, ERROR_PAUSE_MS);
    }
  }
}
