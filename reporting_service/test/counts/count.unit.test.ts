import { ROLLUP_FORMAT } from '@analytics/rollups/documents';
import { expect, test } from 'vitest';
import { count } from '../../src/counts/count.ts';
import type { ReportContext } from '../../src/database/reportContext.ts';
import { createReportMemory } from '../../src/database/reportMemory.ts';

const { signal } = new AbortController();
const DAY = { startMs: Date.parse('2025-11-12'), endMs: Date.parse('2025-11-13') };

/** A source of one rolled-up document, and of events that are counted while `useEvents` runs. */
function createSource(
  memory: ReportContext['memory'],
  documents: Iterable<object>,
  useEvents: () => Promise<void>,
) {
  async function* read(items: Iterable<object>) {
    yield* items;
  }
  const state = { _id: 'backfill', is_complete: true, format: ROLLUP_FORMAT };
  const site = { _id: 'a', code: 1, dimensions: ['path'], has_more_dimensions: false };
  const aggregate = async () => {
    await useEvents();
    return [];
  };
  const rollups = {
    meta: { aggregate: () => read([state, site]) },
    counts: { find: () => read(documents) },
    readOptions: {},
  };
  return { signal, memory, rollups, aggregate, addSource: () => {} } as unknown as ReportContext;
}

test('while MongoDB computes a report that is too large for the service, another large report may run', async () => {
  const memory = createReportMemory({ smallReportBytes: 100, largeReportBytes: 1000 });
  const document = {
    _id: { site: 1, dimension: 'path', granularity: 'day', start: new Date(DAY.startMs), part: 0 },
    version: 1,
    parts: 1,
    values: Array.from({ length: 100 }, (_, index) => `/${index}`),
    views: Array(100).fill(1),
    users: Array(100).fill(1),
  };
  let isFree = false;
  const source = createSource(memory, [document], async () => {
    (await memory.openLarge('b', AbortSignal.timeout(500))).close();
    isFree = true;
  });

  const values = { dimension: 'path', limit: 10, offset: 0, withUsers: false };
  const answer = await count(source, { site_id: 'a', filters: {}, span: DAY, eventSpan: DAY, values });

  expect([answer.source, isFree]).toEqual(['live', true]);
});
