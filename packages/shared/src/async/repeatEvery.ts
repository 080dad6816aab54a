import { setTimeout as delay } from 'node:timers/promises';

export interface Repetition {
  /** Starts the next run now, or directly after the current one. */
  runNow(): void;
  /** Aborts the signal of `work`. Resolves when the current run has ended. */
  stop(): Promise<void>;
}

/**
 * Runs `work` now, and again `intervalMs` after each end, unless `work` resolves with another pause (ms). It
 * handles its own errors: a rejection ends the repetition, and is unhandled unless `stop` is awaited.
 */
export function repeatEvery(
  intervalMs: number,
  work: (signal: AbortSignal) => Promise<number | undefined>,
): Repetition {
  const stopping = new AbortController();
  let pause = new AbortController();

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      pause = new AbortController();
      const pauseMs = (await work(stopping.signal)) ?? intervalMs;
      // Rejects only if the pause is cut short.
      await delay(pauseMs, undefined, { signal: pause.signal }).catch(() => undefined);
    }
  }
  const running = run();

  return {
    runNow: () => pause.abort(),
    stop: () => {
      stopping.abort();
      pause.abort();
      return running;
    },
  };
}
