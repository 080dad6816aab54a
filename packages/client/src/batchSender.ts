import { AnalyticsError, type ReceivedAnswer } from './requester.ts';
import type { BatchAnswer, Event } from './types.ts';

/** An event that waits to be accepted. */
export interface WaitingEvent {
  event: Event;
  json: string;
  /** The bytes of `json`. */
  bytes: number;
}

/** Reports that an event will not be stored, and why. */
export type DropEvents = (events: readonly WaitingEvent[], reason: Error) => void;

/** `done`: each event is accepted or dropped. Else the batch has to be sent again. */
export type BatchOutcome = 'done' | { retryAfterMs: number | undefined };

/** Sends a batch of events once. */
export type SendBatch = (events: readonly WaitingEvent[]) => Promise<BatchOutcome>;

/**
 * Creates the function that sends batches. It drops events that the service refuses. If a batch is too large
 * for the service, it sends the halves.
 */
export function createBatchSender(
  send: (body: string) => Promise<ReceivedAnswer>,
  drop: DropEvents,
): SendBatch {
  async function sendBatch(events: readonly WaitingEvent[]): Promise<BatchOutcome> {
    const answer = await send(`{"events":[${events.map(({ json }) => json).join(',')}]}`).catch(
      () => undefined,
    );
    // Without an answer, the events may have been accepted: the same event_ids make the next try harmless.
    if (answer === undefined) {
      return { retryAfterMs: undefined };
    }
    const { status, body, retryAfterMs } = answer;
    if (status === 202) {
      dropRejected(events, body as Partial<BatchAnswer> | undefined, drop);
      return 'done';
    }
    if (status === 408 || status === 429 || status >= 500) {
      return { retryAfterMs };
    }
    if (status === 413 && events.length > 1) {
      const half = Math.ceil(events.length / 2);
      const outcome = await sendBatch(events.slice(0, half));
      return outcome === 'done' ? sendBatch(events.slice(half)) : outcome;
    }
    drop(events, new AnalyticsError(answer));
    return 'done';
  }
  return sendBatch;
}

function dropRejected(
  events: readonly WaitingEvent[],
  answer: Partial<BatchAnswer> | undefined,
  drop: DropEvents,
): void {
  for (const { index, errors } of answer?.rejected ?? []) {
    const reason = errors.map(({ field, message }) => `${field} ${message}`).join('; ');
    drop(events.slice(index, index + 1), new Error(`The event is invalid: ${reason}.`));
  }
}
