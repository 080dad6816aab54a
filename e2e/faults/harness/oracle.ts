import { isDeepStrictEqual } from 'node:util';
import { countSiteStats } from '@analytics/local-stack/testing/plainReports';
import type { mongo } from 'mongoose';
import type { Exchange, Ledger, LedgerEntry } from './ledger.ts';
import { toPlainEvents } from './ledger.ts';
import type { Observation } from './observation.ts';

/** Which answers a fault allows besides 202 to good and 400 to bad requests. */
export interface AnswerRules {
  /** 503 with `Retry-After`: only where Redis or the ingestion service itself was hit. */
  mayRefuse: boolean;
  /** No answer at all, or a late one: only where the ingestion service itself was hit. */
  mayCut: boolean;
}

export interface Verdict {
  sent: number;
  acknowledged: number;
  stored: number;
  deadLettered: number;
  lost: number;
  doubled: number;
  /** One sentence for each kind of thing that is wrong; none if all is as promised. */
  problems: string[];
}

/** The promise is two seconds; the rest is for a machine whose two cores run the load as well. */
const MAX_ANSWER_MS = 2000 + 500;

/**
 * Compares what the system holds with what it was sent and what it acknowledged. The same for every fault:
 * whatever happened, every acknowledged event is in `events` or in `dead_letters`, once, and nothing else is.
 */
export function judge(
  ledger: Ledger,
  { events, deadLetters, stats }: Observation,
  rules: AnswerRules,
): Verdict {
  const entries = [...ledger.entries.values()];
  const good = entries.filter(({ isBad }) => !isBad);
  const documents = new Map(events.map((document) => [String(document['_id']), document]));
  const letters = new Map(deadLetters.map((letter) => [String(letter['_id']), letter]));
  const isStored = ({ _id }: LedgerEntry) => documents.has(_id);
  const isDead = ({ _id }: LedgerEntry) => letters.has(_id);
  const moments = new Set(good.map(({ event }) => momentOf(event.site_id, event.timestamp)));
  const isSent = (document: mongo.Document) => ledger.entries.get(String(document['_id']))?.isBad === false;
  const isCopy = (document: mongo.Document) =>
    moments.has(momentOf(document['site_id'], document['timestamp']));
  const raws = deadLetters.filter(({ raw }) => raw !== undefined).map(({ raw }) => String(raw));

  const lost = [
    ...good.filter((entry) => entry.isAcknowledged && !isStored(entry) && !isDead(entry)).map(nameOf),
    ...ledger.poisons.filter((raw) => !raws.includes(raw)),
  ];
  const doubled = [
    ...good.filter((entry) => isStored(entry) && isDead(entry)).map(nameOf),
    ...events.filter((document) => !isSent(document) && isCopy(document)).map(idOf),
    ...raws.filter((raw, index) => raws.indexOf(raw) !== index),
  ];
  const neverSent = [
    ...events.filter((document) => !isSent(document) && !isCopy(document)).map(idOf),
    ...deadLetters
      .filter((letter) => !(isSent(letter) || ledger.poisons.includes(String(letter['raw']))))
      .map(idOf),
  ];
  const stored = good.filter(isStored);
  const changed = stored.filter((entry) => !isAsSent(entry, documents.get(entry._id))).map(nameOf);
  const miscounted = stats
    .filter(
      (answer) =>
        !isDeepStrictEqual(answer, countSiteStats(toPlainEvents(stored), answer.site_id, answer.date)),
    )
    .map(({ site_id, date }) => `${site_id} ${date ?? 'all time'}`);

  return {
    sent: good.length + ledger.poisons.length,
    acknowledged: good.filter(({ isAcknowledged }) => isAcknowledged).length + ledger.poisons.length,
    stored: events.length,
    deadLettered: deadLetters.length,
    lost: lost.length,
    doubled: doubled.length,
    problems: [
      ...describe('acknowledged and lost', lost),
      ...describe('there twice', doubled),
      ...describe('there and never sent, or refused', neverSent),
      ...describe('stored otherwise than sent', changed),
      ...describe('counted wrongly by /stats', miscounted),
      ...describe('answered as nothing should be', describeBadExchanges(ledger.exchanges, rules)),
    ],
  };
}

function isAsSent({ _id, event }: LedgerEntry, document: mongo.Document | undefined): boolean {
  const { _id: storedId, createdAt, updatedAt, ...fields } = document ?? {};
  const { event_id: _, timestamp, user_id = null, ...sent } = event;
  return (
    String(storedId) === _id &&
    createdAt instanceof Date &&
    isDeepStrictEqual(createdAt, updatedAt) &&
    isDeepStrictEqual(fields, { ...sent, user_id, timestamp: new Date(timestamp) })
  );
}

function describeBadExchanges(exchanges: readonly Exchange[], { mayRefuse, mayCut }: AnswerRules): string[] {
  const isExpected = ({ answer, hasRetryAfter, durationMs, isBad }: Exchange) =>
    (answer === (isBad ? 400 : 202) ||
      (answer === 503 && mayRefuse && hasRetryAfter && !isBad) ||
      (answer === 'none' && mayCut)) &&
    (durationMs <= MAX_ANSWER_MS || mayCut);
  return exchanges
    .filter((exchange) => !isExpected(exchange))
    .map(
      ({ answer, hasRetryAfter, durationMs, isBad }) =>
        `${answer} after ${Math.round(durationMs)} ms${isBad ? ' to a bad request' : ''}` +
        `${answer === 503 && !hasRetryAfter ? ' without Retry-After' : ''}`,
    );
}

const MAX_EXAMPLES = 5;

function describe(what: string, things: readonly string[]): string[] {
  const examples = [...new Set(things)].slice(0, MAX_EXAMPLES).join(', ');
  return things.length > 0 ? [`${things.length} ${what}: ${examples}`] : [];
}

function momentOf(site_id: unknown, timestamp: unknown): string {
  return `${site_id} ${new Date(timestamp as string | Date).getTime()}`;
}

function nameOf({ event }: LedgerEntry): string {
  return `${event.site_id}/${event.event_id}`;
}

function idOf(document: mongo.Document): string {
  return String(document['_id']);
}
