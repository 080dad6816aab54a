import { createBatchSender, type DropEvents } from './batchSender.ts';
import type { ReceivedAnswer } from './requester.ts';
import { createRetryDelay } from './retryDelay.ts';
import { type Clock, createSendLoop } from './sendLoop.ts';
import type { Event } from './types.ts';
import { type BatchLimits, createWaitingEvents } from './waitingEvents.ts';

/** An event to send. The client adds the time of `track` and a random `event_id` where they are missing. */
export type TrackedEvent = Omit<Event, 'timestamp'> & { timestamp?: string };

export interface EventQueueOptions extends Partial<BatchLimits> {
  /** The longest that an event waits for others before it is sent (ms). Default: 1,000. */
  maxDelayMs?: number;
  /** The most events that wait while the service is away. Further ones are dropped. Default: 10,000. */
  maxWaiting?: number;
  /** Called for each event that will not be stored: the queue was full, or the service refused it. */
  onDropped?: (event: Event, reason: Error) => void;
  clock?: Clock;
  /** From 0 to 1, for the delays of retries. */
  random?: () => number;
}

export interface EventQueue {
  /** Queues an event and returns at once. */
  track(event: TrackedEvent): void;
  trackMany(events: readonly TrackedEvent[]): void;
  /** Sends now, and resolves when every waiting event is accepted or dropped. */
  flush(): Promise<void>;
  /**
   * Accepts no further event and sends the waiting ones. Resolves when all are accepted or dropped, after
   * `deadlineMs` (default: 10,000) at the latest: the rest is dropped then.
   */
  close(deadlineMs?: number): Promise<void>;
}

const CLOCK: Clock = {
  now: Date.now,
  wakeAfter: (ms, wake) => {
    const timer = setTimeout(wake, ms);
    return () => clearTimeout(timer);
  },
};

/**
 * Collects events into requests. A request that may not have arrived is sent again with the same `event_id`s,
 * which the service stores once.
 */
export function createEventQueue(
  send: (body: string) => Promise<ReceivedAnswer>,
  {
    maxEvents = 100,
    maxBytes = 256 * 1024,
    maxDelayMs = 1000,
    maxWaiting = 10_000,
    ...options
  }: EventQueueOptions = {},
): EventQueue {
  const { onDropped = () => {}, clock = CLOCK, random = Math.random } = options;
  const waiting = createWaitingEvents({ maxEvents, maxBytes });
  const drop: DropEvents = (events, reason) => {
    for (const { event } of events) {
      try {
        onDropped(event, reason);
      } catch (error) {
        // A bug of the caller must be seen, and must not stop the sending.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  };
  const loop = createSendLoop({
    waiting,
    sendBatch: createBatchSender(send, drop),
    abandon: (events) => drop(events, new Error('The client was closed before the event was accepted.')),
    retryDelay: createRetryDelay(random),
    clock,
  });
  let isClosed = false;

  function track(event: TrackedEvent): void {
    const { timestamp = new Date(clock.now()).toISOString(), event_id = createEventId() } = event;
    const completed: Event = { ...event, timestamp, event_id };
    const json = JSON.stringify(completed);
    const item = { event: completed, json, bytes: new TextEncoder().encode(json).length };
    if (isClosed || waiting.count + loop.inFlight >= maxWaiting) {
      drop([item], new Error(isClosed ? 'The client is closed.' : 'Too many events are waiting.'));
      return;
    }
    waiting.add(item);
    loop.sendWithin(waiting.isBatch ? 0 : maxDelayMs);
  }

  function flush(): Promise<void> {
    const drained = loop.drain();
    loop.sendWithin(0);
    return drained;
  }

  return {
    track,
    trackMany: (events) => events.forEach(track),
    flush,
    close: async (deadlineMs = 10_000) => {
      isClosed = true;
      let cancelDeadline = () => {};
      const deadline = new Promise<void>((resolve) => {
        cancelDeadline = clock.wakeAfter(deadlineMs, resolve);
      });
      await Promise.race([flush(), deadline]);
      cancelDeadline();
      loop.stop();
    },
  };
}

/** Not `crypto.randomUUID`, which browsers have on pages of https only. */
function createEventId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
