import { type Job, RedisConnection, Worker } from 'bullmq';
import { describeOversizeText } from './jobSize.ts';
import { JobText } from './jobText.ts';

/** The pause after an error (ms), such as a full Redis that rejects the command that takes a job. */
const ERROR_PAUSE_MS = 500;

/**
 * The oldest supported Redis. Without a version check, BullMQ assumes its own minimum version, which blocks
 * for whole seconds only, so that a job delayed for a moment would wait a second. The version check itself is
 * not an option: BullMQ makes it once, and a worker whose check fails or is not permitted stays broken.
 */
const MIN_REDIS_VERSION = '6.2.0';

/**
 * BullMQ's worker, made tolerant of job data that is not JSON or too large, and of a Redis that rejects
 * commands.
 */
export class LenientWorker<Result> extends Worker<unknown, Result> {
  private errorPause: NodeJS.Timeout | undefined;

  constructor(...args: ConstructorParameters<typeof Worker<unknown, Result>>) {
    RedisConnection.minimumVersion = MIN_REDIS_VERSION;
    super(...args);
    this.on('error', () => this.pauseBriefly());
  }

  /**
   * Keeps the data as text (`JobText`). BullMQ would parse it here, throw at data that is not JSON, leave the
   * job locked and take it again forever.
   *
   * The data of a job that must fail is dropped: data that is too large would kill one worker after another.
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

  /** BullMQ retries a failed fetch immediately: thousands of times per second while Redis is full. */
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
