import { type Bucket, toBucketKey } from '@analytics/rollups/calendar';
import type { Freshness } from '@analytics/rollups/freshness';
import { expect, test } from 'vitest';
import { type Exclusions, planReads, type Question } from '../../src/planner/planReads.ts';

const DAY_MS = 86_400_000;
const span = { startMs: Date.parse('2025-11-11'), endMs: Date.parse('2025-11-13') };
const firstDay: Bucket = { granularity: 'day', startMs: span.startMs };
const secondDay: Bucket = { granularity: 'day', startMs: span.startMs + DAY_MS };

const site = { _id: 'a', code: 1, dimensions: ['', 'path', 'property:plan'], has_more_dimensions: true };
const fresh: Freshness = { site, isFresh: () => true };
const stale: Freshness = { site, isFresh: () => false };
const halfFresh: Freshness = { site, isFresh: ({ startMs }) => startMs < secondDay.startMs };

const question: Question = { site_id: 'a', filters: {}, span, eventSpan: span, intervals: [span] };
const values = { dimension: 'path', limit: 10, offset: 0, withUsers: true };
const none = (): Exclusions => ({ unreadable: new Set(), overflowed: new Map() });

test.each<[string, string, Partial<Question>, Freshness | undefined]>([
  ['without a complete backfill', 'live', {}, undefined],
  ['with fresh buckets only', 'rollup', {}, fresh],
  ['with stale buckets only', 'live', {}, stale],
  ['with both', 'mixed', {}, halfFresh],
  ['with a filter on one dimension', 'rollup', { filters: { path: '/', path_prefix: '/' } }, fresh],
  ['with filters on two dimensions', 'live', { filters: { path: '/', event_type: 'click' } }, fresh],
  ['for values with a filter on them', 'rollup', { values, filters: { path_prefix: '/' } }, fresh],
  ['for values with another filter', 'live', { values, filters: { event_type: 'click' } }, fresh],
  [
    'for values of a property with rollups',
    'rollup',
    { values: { ...values, dimension: 'property:plan' } },
    fresh,
  ],
  [
    'for values of a property without rollups',
    'live',
    { values: { ...values, dimension: 'property:other' } },
    fresh,
  ],
  ['for no intervals at all', 'rollup', { intervals: [] }, fresh],
])('%s, the source is %s', (_case, source, part, freshness) => {
  expect(planReads({ ...question, ...part }, freshness, none()).source).toBe(source);
});

test('the events of an unreadable bucket are read instead, in every dimension', () => {
  const exclusions = none();
  exclusions.unreadable.add(toBucketKey(firstDay));

  const plan = planReads({ ...question, values }, { ...fresh, isFresh: isDay }, exclusions);

  const expected = { buckets: [secondDay], liveSpans: [{ ...span, endMs: secondDay.startMs }] };
  expect(plan).toMatchObject({ source: 'mixed', intervals: [expected], values: expected });
});

test('a bucket with too many values of one dimension still answers the others', () => {
  const exclusions = none();
  exclusions.overflowed.set('path', new Set([toBucketKey(firstDay)]));

  const plan = planReads({ ...question, values }, { ...fresh, isFresh: isDay }, exclusions);

  expect(plan).toMatchObject({
    source: 'mixed',
    intervals: [{ buckets: [firstDay, secondDay], liveSpans: [] }],
    values: { buckets: [secondDay], liveSpans: [{ ...span, endMs: secondDay.startMs }] },
  });
});

function isDay({ granularity }: Bucket): boolean {
  return granularity === 'day';
}
