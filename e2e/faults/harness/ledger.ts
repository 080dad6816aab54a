import type { EventInput, EventJob } from '@analytics/shared/event/event';
import { deriveEventId } from '@analytics/shared/event/eventId';

/** An event that carries its own idempotency key, so that its `_id` is known before it is sent. */
export type KeyedEvent = EventInput & { event_id: string };

/** A status, or `none` where the connection broke before there was one. */
type Answer = number | 'none';

export interface LedgerEntry {
  readonly _id: string;
  readonly event: KeyedEvent;
  /** Part of a request that must be refused as a whole: it must never be stored. */
  readonly isBad: boolean;
  /** True once a delivery of it was answered 202, or taken by the queue. */
  isAcknowledged: boolean;
}

/** One request and what came back. */
export interface Exchange {
  answer: Answer;
  hasRetryAfter: boolean;
  /** From sending to the answer. */
  durationMs: number;
  isBad: boolean;
}

/** What was sent to the system and what it promised, as its clients know it. */
export interface Ledger {
  readonly entries: ReadonlyMap<string, LedgerEntry>;
  readonly exchanges: readonly Exchange[];
  /** What was queued and is no event, as JSON: each must end in the dead letters. */
  readonly poisons: readonly string[];
  readonly acknowledgedCount: number;
  /** Notes that events are about to be sent. */
  open(events: readonly KeyedEvent[], isBad?: boolean): LedgerEntry[];
  /** Notes an answer to a request that carried these. */
  note(entries: readonly LedgerEntry[], exchange: Exchange): void;
  /** Notes that the queue took these from a producer other than the ingestion service. */
  acknowledge(entries: readonly LedgerEntry[]): void;
  addPoison(raw: string): void;
}

/** The entry's event as the ingestion service would queue it. */
export function toEventJob({ _id, event: { event_id: _, ...event } }: LedgerEntry): EventJob {
  return { ...event, _id, user_id: event.user_id ?? null };
}

export function createLedger(): Ledger {
  const entries = new Map<string, LedgerEntry>();
  const exchanges: Exchange[] = [];
  const poisons: string[] = [];
  let acknowledgedCount = 0;

  function acknowledge(acknowledged: readonly LedgerEntry[]): void {
    for (const entry of acknowledged) {
      acknowledgedCount += entry.isAcknowledged ? 0 : 1;
      entry.isAcknowledged = true;
    }
  }

  return {
    entries,
    exchanges,
    poisons,
    get acknowledgedCount() {
      return acknowledgedCount;
    },
    open: (events, isBad = false) =>
      events.map((event) => {
        const _id = deriveEventId(event.site_id, event.event_id);
        const entry: LedgerEntry = { _id, event, isBad, isAcknowledged: false };
        entries.set(_id, entry);
        return entry;
      }),
    note: (sent, exchange) => {
      exchanges.push(exchange);
      if (exchange.answer === 202) {
        acknowledge(sent);
      }
    },
    acknowledge,
    addPoison: (raw) => {
      poisons.push(raw);
    },
  };
}

/** The events of some entries, for the plain oracle. */
export function toPlainEvents(entries: readonly LedgerEntry[]): KeyedEvent[] {
  return entries.map(({ event }) => event);
}
