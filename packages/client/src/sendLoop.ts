import type { SendBatch, WaitingEvent } from './batchSender.ts';
import type { RetryDelay } from './retryDelay.ts';
import type { WaitingEvents } from './waitingEvents.ts';

/** The clock, for tests. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls `wake` once after a time (ms), unless the returned function is called first. */
  wakeAfter(ms: number, wake: () => void): () => void;
}

export interface SendLoop {
  /** The number of events of the batch that is being sent. */
  readonly inFlight: number;
  /** Sends within this time (ms), unless a request or the wait for a retry is running. */
  sendWithin(ms: number): void;
  /** Resolves when no event waits and none is being sent. */
  drain(): Promise<void>;
  /** Sends nothing more after the running request, and abandons what is not accepted. */
  stop(): void;
}

export interface SendLoopDeps {
  waiting: WaitingEvents;
  sendBatch: SendBatch;
  /** Called with the events that are not sent again, because the loop was stopped. */
  abandon: (events: readonly WaitingEvent[]) => void;
  retryDelay: RetryDelay;
  clock: Pick<Clock, 'wakeAfter'>;
}

/**
 * Sends the waiting events, one batch at a time and in order. After a failure it waits, and begins with the
 * same batch.
 */
export function createSendLoop({ waiting, sendBatch, abandon, retryDelay, clock }: SendLoopDeps): SendLoop {
  let batch: readonly WaitingEvent[] = [];
  let state: 'idle' | 'timed' | 'sending' | 'waiting for a retry' | 'stopped' = 'idle';
  let cancelWake = () => {};
  let drained: (() => void)[] = [];

  function sendAfter(ms: number): void {
    cancelWake();
    cancelWake = clock.wakeAfter(ms, () => void sendAll());
  }

  async function sendAll(): Promise<void> {
    cancelWake();
    state = 'sending';
    while (waiting.count > 0) {
      batch = waiting.takeBatch();
      const outcome = await sendBatch(batch);
      const sent = batch;
      batch = [];
      if (outcome !== 'done') {
        waiting.putBack(sent);
      }
      if (isStopped()) {
        abandon(waiting.clear());
        return;
      }
      if (outcome !== 'done') {
        state = 'waiting for a retry';
        sendAfter(retryDelay.next(outcome.retryAfterMs));
        return;
      }
      retryDelay.reset();
    }
    state = 'idle';
    resolveDrained();
  }

  function resolveDrained(): void {
    for (const resolve of drained) {
      resolve();
    }
    drained = [];
  }

  function isStopped(): boolean {
    return state === 'stopped';
  }

  return {
    get inFlight() {
      return batch.length;
    },
    sendWithin: (ms) => {
      if (ms === 0 && (state === 'idle' || state === 'timed')) {
        void sendAll();
      } else if (state === 'idle') {
        state = 'timed';
        sendAfter(ms);
      }
    },
    drain: () =>
      waiting.count + batch.length === 0
        ? Promise.resolve()
        : new Promise((resolve) => {
            drained = [...drained, resolve];
          }),
    stop: () => {
      cancelWake();
      state = 'stopped';
      abandon(waiting.clear());
      resolveDrained();
    },
  };
}
