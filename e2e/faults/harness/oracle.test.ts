import { countSiteStats } from '@analytics/local-stack/testing/plainReports';
import { mongo } from 'mongoose';
import { expect, test } from 'vitest';
import { createEventSource } from './eventSource.ts';
import { createLedger, type Exchange, type LedgerEntry, toPlainEvents } from './ledger.ts';
import type { Observation } from './observation.ts';
import { judge } from './oracle.ts';

const STRICT = { mayRefuse: false, mayCut: false };
const POISON = '"nonsense"';

const toId = (hex: string) => mongo.ObjectId.createFromHexString(hex);
const createExchange = (change: Partial<Exchange> = {}): Exchange => ({
  answer: 202,
  hasRetryAfter: false,
  durationMs: 5,
  isBad: false,
  ...change,
});

function toDocument({ _id, event: { event_id: _, user_id = null, ...event } }: LedgerEntry): mongo.Document {
  const storedAt = new Date('2025-11-14T00:00:00Z');
  const timestamp = new Date(event.timestamp);
  return { _id: toId(_id), ...event, user_id, timestamp, createdAt: storedAt, updatedAt: storedAt };
}

/**
 * A ledger of six events, of which five were acknowledged, one bad event and one poison; and a system that
 * did all right.
 */
function createCase() {
  const ledger = createLedger();
  const nextEvent = createEventSource();
  const entries = ledger.open(Array.from({ length: 6 }, nextEvent));
  ledger.acknowledge(entries.slice(0, 5));
  const [bad] = ledger.open([nextEvent()], true) as [LedgerEntry];
  ledger.addPoison(POISON);
  const observation: Observation = {
    events: entries.slice(0, 5).map(toDocument),
    deadLetters: [{ _id: new mongo.ObjectId(), raw: POISON }],
    stats: ['shop', 'blog', 'docs'].map((site) =>
      countSiteStats(toPlainEvents(entries.slice(0, 5)), site, null),
    ),
  };
  return { ledger, entries, bad, observation, rules: STRICT };
}

type Case = ReturnType<typeof createCase>;

const right: [name: string, change: (given: Case) => void][] = [
  ['all is as it was sent', () => {}],
  [
    'an event that was not acknowledged is stored all the same',
    ({ observation, entries }) => {
      observation.events.push(toDocument(entries[5] as LedgerEntry));
      observation.stats = ['shop', 'blog', 'docs'].map((site) =>
        countSiteStats(toPlainEvents(entries), site, null),
      );
    },
  ],
  [
    'a refusal with Retry-After came where the queue was away',
    ({ ledger, rules }) => {
      ledger.note([], createExchange({ answer: 503, hasRetryAfter: true }));
      Object.assign(rules, { mayRefuse: true });
    },
  ],
];

test.each(right)('the oracle is content when %s', (_name, change) => {
  const given = { ...createCase(), rules: { ...STRICT } };
  change(given);

  expect(judge(given.ledger, given.observation, given.rules)).toMatchObject({
    sent: 7,
    acknowledged: 6,
    stored: given.observation.events.length,
    deadLettered: 1,
    lost: 0,
    doubled: 0,
    problems: [],
  });
});

const wrong: [name: string, change: (given: Case) => void, problem: RegExp, counts?: object][] = [
  ['an event is missing', ({ observation }) => observation.events.pop(), /lost: blog\/event-4/, { lost: 1 }],
  ['poison is missing', ({ observation }) => observation.deadLetters.pop(), /lost: "nonsense"/, { lost: 1 }],
  [
    'an event is stored and a dead letter as well',
    ({ observation, entries }) => observation.deadLetters.push({ _id: toId(entries[0]?._id ?? '') }),
    /there twice: shop\/event-0/,
    { doubled: 1 },
  ],
  [
    'an event is stored again under another _id',
    ({ observation }) => observation.events.push({ ...observation.events[0], _id: new mongo.ObjectId() }),
    /there twice/,
    { doubled: 1 },
  ],
  [
    'poison is kept twice',
    ({ observation }) => observation.deadLetters.push({ _id: new mongo.ObjectId(), raw: POISON }),
    /there twice/,
    { doubled: 1 },
  ],
  [
    'a stray event is there',
    ({ observation }) =>
      observation.events.push({ _id: new mongo.ObjectId(), site_id: 'shop', timestamp: new Date() }),
    /never sent/,
  ],
  [
    'a stray dead letter is there',
    ({ observation }) => observation.deadLetters.push({ _id: new mongo.ObjectId(), raw: '"other"' }),
    /never sent/,
  ],
  [
    'a refused event is stored',
    ({ observation, bad }) => observation.events.push(toDocument(bad)),
    /never sent, or refused/,
  ],
  [
    'a field changed on the way',
    ({ observation }) => Object.assign(observation.events[1] ?? {}, { user_id: null }),
    /otherwise than sent: blog\/event-1/,
  ],
  [
    'a field came along the way',
    ({ observation }) => Object.assign(observation.events[1] ?? {}, { __v: 0 }),
    /otherwise than sent/,
  ],
  [
    'a report counts one too few',
    ({ observation }) => Object.assign(observation.stats[2] ?? {}, { total_views: 0 }),
    /by \/stats: docs all time/,
  ],
  [
    'a request met an error of the server',
    ({ ledger }) => ledger.note([], createExchange({ answer: 500 })),
    /500 after 5 ms/,
  ],
  [
    'a request was refused while the queue was there',
    ({ ledger }) => ledger.note([], createExchange({ answer: 503, hasRetryAfter: true })),
    /503 after/,
  ],
  [
    'a request was cut off although nobody touched the ingestion service',
    ({ ledger }) => ledger.note([], createExchange({ answer: 'none' })),
    /none after/,
  ],
  [
    'a bad request was accepted',
    ({ ledger }) => ledger.note([], createExchange({ isBad: true })),
    /202 after 5 ms to a bad/,
  ],
  [
    'an answer was late',
    ({ ledger }) => ledger.note([], createExchange({ durationMs: 3000 })),
    /202 after 3000 ms/,
  ],
];

test.each(wrong)('the oracle says so when %s', (_name, change, problem, counts = {}) => {
  const given = createCase();
  change(given);

  const { problems, ...verdict } = judge(given.ledger, given.observation, given.rules);

  expect(problems).toContainEqual(expect.stringMatching(problem));
  expect(verdict).toMatchObject({ lost: 0, doubled: 0, ...counts });
});

test('a refusal without Retry-After is an unexpected answer', () => {
  const { ledger, observation } = createCase();
  ledger.note([], createExchange({ answer: 503 }));

  expect(judge(ledger, observation, { mayRefuse: true, mayCut: false }).problems).toEqual([
    '1 answered as nothing should be: 503 after 5 ms without Retry-After',
  ]);
});
