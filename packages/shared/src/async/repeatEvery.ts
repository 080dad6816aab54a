import { setTimeout as delay } from 'node:timers/promises';

export interface Repetition {
  /** Starts the next run now, or directly after the current one. */
  runNow(): void;
  /** Aborts the signal of `work`. Resolves when the current run has ended. */
  stop(): Promise<void>;
}

/**
 * Runs `work` now, and again `intervalMs` after each end. `work` handles its own errors: a rejection ends the
 * repetition, and is unhandled unless `stop` is awaited.
 */
export function repeatEvery(intervalMs: number, work: (signal: AbortSignal) => Promise<void>): Repetition {
  const stopping = new AbortController();
  let pause = new AbortController();

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      pause = new AbortController();
      await work(stopping.signal);
      // Rejects only if the pause is cut short.
      await delay(intervalMs, undefined, { signal: pause.signal }).catch(() => undefined);
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
