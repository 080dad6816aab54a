import type { WaitingEvent } from './batchSender.ts';

export interface BatchLimits {
  /** The most events of a request. Default: 100; the service accepts 500. */
  maxEvents: number;
  /** The most bytes of the events of a request. Default: 256 KiB; the service accepts 512 KiB. */
  maxBytes: number;
}

/** The events that wait, oldest first. */
export interface WaitingEvents {
  readonly count: number;
  /** Whether the waiting events fill a request. */
  readonly isBatch: boolean;
  add(event: WaitingEvent): void;
  /** Removes the next batch: as many of the oldest events as fit, one at least. */
  takeBatch(): WaitingEvent[];
  /** Puts a batch back in front of the others. */
  putBack(batch: readonly WaitingEvent[]): void;
  /** Removes and returns all events. */
  clear(): WaitingEvent[];
}

/** The bytes of a request besides its events. */
const ENVELOPE_BYTES = 16;

export function createWaitingEvents({ maxEvents, maxBytes }: BatchLimits): WaitingEvents {
  let events: WaitingEvent[] = [];
  let bytes = 0;
  const sum = (list: readonly WaitingEvent[]) => list.reduce((total, event) => total + event.bytes + 1, 0);
  return {
    get count() {
      return events.length;
    },
    get isBatch() {
      return events.length >= maxEvents || bytes + ENVELOPE_BYTES >= maxBytes;
    },
    add: (event) => {
      events.push(event);
      bytes += event.bytes + 1;
    },
    takeBatch: () => {
      let size = ENVELOPE_BYTES;
      let count = 0;
      for (const event of events.slice(0, maxEvents)) {
        size += event.bytes + 1;
        if (count > 0 && size > maxBytes) {
          break;
        }
        count += 1;
      }
      const batch = events.splice(0, count);
      bytes -= sum(batch);
      return batch;
    },
    putBack: (batch) => {
      events = [...batch, ...events];
      bytes += sum(batch);
    },
    clear: () => {
      bytes = 0;
      return events.splice(0);
    },
  };
}
