import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { repeatEvery } from '../async/repeatEvery.ts';
import { TimeoutError } from '../async/withTimeout.ts';
import type { DependencyHealth } from '../http/health.ts';
import type { Logger } from './logger.ts';
import { createOutageLog } from './outageLog.ts';

const STILL_DOWN_MS = 3000;

/** The slices of a probe's timeout. */
const SLICES = 10;

export interface DependencyWatchOptions {
  /** The name of the dependency in the log. */
  dependency: string;
  /** Pings the dependency. Rejects if that fails. Needs no timeout of its own. */
  probe: () => Promise<unknown>;
  logger: Logger;
  /** Called every three seconds while the dependency is away, to attempt a repair. */
  onStillDown?: () => void;
  /** The pause between two probes (ms). */
  intervalMs?: number;
  /**
   * A dependency without an answer within this time is away (ms). Time in which this process is blocked is
   * added.
   */
  timeoutMs?: number;
}

export interface DependencyWatch {
  /** Whether the last probe succeeded. False before the first answer. */
  readonly isUp: boolean;
  /** The result of the last probe. */
  readonly health: DependencyHealth;
  /** Settles as `work` does. Rejects immediately if the dependency is away, or as soon as it goes away. */
  whileUp<Result>(work: () => Promise<Result>): Promise<Result>;
  stop(): void;
}

/**
 * Probes a dependency regularly, so that requests to a hung one are rejected immediately, without a timeout
 * of their own. Only the watch logs the dependency's outages.
 */
export function createDependencyWatch(options: DependencyWatchOptions): DependencyWatch {
  const { dependency, probe, logger, onStillDown, intervalMs = 250, timeoutMs = 900 } = options;
  const outageLog = createOutageLog(
    { began: `${dependency} is away`, ended: `${dependency} answers again` },
    logger,
  );
  const onDown = new Set<(error: Error) => void>();
  let failure: Error | undefined = new Error('not reached yet');
  let downSinceMs: number | undefined;

  function reportDown(error: Error): void {
    failure = error;
    outageLog.failed(error);
    for (const listener of onDown) {
      listener(error);
    }
    downSinceMs ??= performance.now();
    if (performance.now() - downSinceMs > STILL_DOWN_MS) {
      downSinceMs = performance.now();
      onStillDown?.();
    }
  }

  const watch = repeatEvery(intervalMs, async (signal) => {
    try {
      await answerWithin(probe(), timeoutMs);
      failure = undefined;
      downSinceMs = undefined;
      outageLog.recovered();
    } catch (error) {
      if (!signal.aborted) {
        reportDown(error as Error);
      }
    }
  });

  return {
    get isUp() {
      return failure === undefined;
    },
    get health(): DependencyHealth {
      return failure ? { status: 'down', reason: failure.message } : { status: 'up' };
    },
    whileUp: (work) =>
      new Promise((resolve, reject) => {
        if (failure) {
          reject(failure);
          return;
        }
        onDown.add(reject);
        work()
          .then(resolve, reject)
          .finally(() => onDown.delete(reject));
      }),
    stop: () => void watch.stop(),
  };
}

/**
 * Settles as `answer` does. The timeout passes in slices, each of which lets the event loop read from the
 * sockets. So an answer that arrived while this process was blocked is in time.
 *
 * @throws TimeoutError after `timeoutMs`.
 */
async function answerWithin(answer: Promise<unknown>, timeoutMs: number): Promise<void> {
  const done = new AbortController();
  const { signal } = done;
  const silence = async () => {
    for (let slice = 0; slice < SLICES; slice += 1) {
      await delay(timeoutMs / SLICES, undefined, { signal });
    }
    // A timer fires before the event loop reads the sockets, and an immediate afterwards.
    await nextTurn(undefined, { signal });
    throw new TimeoutError(`no answer within ${timeoutMs} ms`);
  };
  try {
    await Promise.race([answer, silence()]);
  } finally {
    done.abort();
  }
}
