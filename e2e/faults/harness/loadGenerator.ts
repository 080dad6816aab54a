import { setTimeout as delay } from 'node:timers/promises';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { createEventSource } from './eventSource.ts';
import { createHttpSender } from './httpSender.ts';
import type { Exchange, KeyedEvent, Ledger, LedgerEntry } from './ledger.ts';

/** A pace that leaves two cores room for the five processes under test. */
const CONNECTIONS = 8;
const REQUESTS_PER_SECOND = 100;
const PACE_MS = (1000 * CONNECTIONS) / REQUESTS_PER_SECOND;

const MAX_BATCH = 24;
const PROGRESS_TIMEOUT_MS = 60_000;

export interface Load {
  /** Resolves when this many further events have been acknowledged. */
  untilAcknowledged(count: number): Promise<void>;
  /** Resolves when this many further requests have been answered with the status. */
  untilAnswered(status: number, count: number): Promise<void>;
  /** Posts one new event, alone. */
  postOne(): Promise<{ entry: LedgerEntry; exchange: Exchange }>;
  /** Sends nothing until `resume`. Resolves when no request is under way. */
  pause(): Promise<void>;
  resume(): void;
  /** Makes events that are in nobody's ledger yet. */
  nextEvent(): KeyedEvent;
  /** Resolves when no request is under way any more. */
  stop(): Promise<void>;
}

/**
 * Posts single events and batches from parallel connections at a steady pace, and keeps the ledger. Every
 * 40th request is bad. Of the requests that were not acknowledged every other is sent again, with the same
 * `event_id`s, as a careful client would; every 25th repeats one that was.
 */
export function startLoad(ledger: Ledger, urls: () => readonly string[]): Load {
  const nextEvent = createEventSource();
  const sender = createHttpSender(ledger);
  const retries: LedgerEntry[][] = [];
  let lastAcknowledged: readonly LedgerEntry[] = [];
  let requestCount = 0;
  let requestsUnderWay = 0;
  let isPaused = false;
  let isStopping = false;

  function chooseEntries(index: number): readonly LedgerEntry[] {
    const retry = index % 3 === 0 ? retries.shift() : undefined;
    if (retry) {
      return retry;
    }
    if (index % 25 === 24 && lastAcknowledged.length > 0) {
      return lastAcknowledged;
    }
    const size = index % 4 === 0 ? 2 + (index % (MAX_BATCH - 1)) : 1;
    const events = Array.from({ length: size }, nextEvent);
    return index % 40 === 39 ? ledger.open(spoilLast(events), true) : ledger.open(events);
  }

  async function postNext(): Promise<void> {
    const index = requestCount;
    requestCount += 1;
    const entries = chooseEntries(index);
    const { answer } = await sender.post(pick(urls(), index), entries);
    if (answer === 202) {
      lastAcknowledged = entries;
    } else if (index % 2 === 0 && !entries.some(({ isBad }) => isBad)) {
      retries.push([...entries]);
    }
  }

  async function runConnection(index: number): Promise<void> {
    await delay((index * PACE_MS) / CONNECTIONS);
    while (!isStopping) {
      const nextMs = performance.now() + PACE_MS;
      if (!isPaused) {
        requestsUnderWay += 1;
        await postNext();
        requestsUnderWay -= 1;
      }
      await delay(Math.max(0, nextMs - performance.now()));
    }
  }
  const running = Promise.all(Array.from({ length: CONNECTIONS }, (_, index) => runConnection(index)));

  async function untilGrown(read: () => number, count: number): Promise<void> {
    const goal = read() + count;
    await waitUntil(read, (value) => value >= goal, PROGRESS_TIMEOUT_MS);
  }

  return {
    untilAcknowledged: (count) => untilGrown(() => ledger.acknowledgedCount, count),
    untilAnswered: (status, count) =>
      untilGrown(() => ledger.exchanges.filter(({ answer }) => answer === status).length, count),
    postOne: async () => {
      const [entry] = ledger.open([nextEvent()]) as [LedgerEntry];
      return { entry, exchange: await sender.post(pick(urls(), requestCount), [entry]) };
    },
    nextEvent,
    pause: async () => {
      isPaused = true;
      await waitUntil(() => requestsUnderWay === 0, Boolean, PROGRESS_TIMEOUT_MS);
    },
    resume: () => {
      isPaused = false;
    },
    stop: async () => {
      isStopping = true;
      await running;
      sender.close();
    },
  };
}

function spoilLast(events: KeyedEvent[]): KeyedEvent[] {
  return events.map((event, index) => (index === events.length - 1 ? { ...event, path: '' } : event));
}

function pick<Item>(items: readonly Item[], index: number): Item {
  return items[index % items.length] as Item;
}
