import { parseMetrics, pickSamples } from '@analytics/local-stack/testing/readMetrics';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { openRollupCollections, ROLLUP_FORMAT } from '@analytics/rollups/documents';
import type { Express } from 'express';
import type { mongo } from 'mongoose';
import request from 'supertest';
import { expect, test } from 'vitest';
import { startOnSlowMongo } from './startOnSlowMongo.ts';

const { start, delayAggregations } = await startOnSlowMongo();

const scrape = async (app: Express) => parseMetrics((await request(app).get('/metrics')).text);
const pick = async (app: Express, name: RegExp) => pickSamples(await scrape(app), name);

test('reports are timed by route and source, and requests counted by the result of the cache', async () => {
  const { app, get, storeSite, connection } = await start({ STATS_CACHE_TTL_SECONDS: '30' });
  const site_id = await storeSite('2025-11-12T10:00:00Z /a ann');
  await get(`/stats?site_id=${site_id}`);
  await get(`/stats?site_id=${site_id}`);
  await get(`/stats/realtime?site_id=${site_id}`);
  const { meta } = openRollupCollections(connection.db as mongo.Db);
  await meta.insertOne({ _id: 'backfill', is_complete: true, format: ROLLUP_FORMAT });
  await get('/stats/compare?site_id=empty&date=2025-11-12');

  const samples = await scrape(app);
  expect(pickSamples(samples, /^analytics_report_(seconds_count|cache)/)).toEqual({
    'analytics_report_seconds_count{route="/stats",source="live"}': 1,
    'analytics_report_seconds_count{route="/stats",source="cache"}': 1,
    'analytics_report_seconds_count{route="/stats/realtime",source="live"}': 1,
    'analytics_report_seconds_count{route="/stats/compare",source="rollup"}': 1,
    'analytics_report_cache_lookups_total{result="hit"}': 1,
    'analytics_report_cache_lookups_total{result="miss"}': 3,
  });
  expect(samples.get('analytics_report_seconds_sum{route="/stats",source="live"}')).toBeGreaterThan(0);
});

test('running and waiting reports are counted, and requests that share one', async () => {
  const { app, get } = await start();
  await delayAggregations(500);
  const asked = ['a', 'b', 'b'].map((path) => get(`/stats?site_id=s&path=/${path}`));
  const load = await waitUntil(
    () => pick(app, /^analytics_(reports|report_cache)/),
    (found) => found['analytics_report_cache_lookups_total{result="shared"}'] === 1,
  );
  await Promise.all(asked);

  expect(load).toEqual({
    analytics_reports_running: 1,
    analytics_reports_waiting: 1,
    'analytics_report_cache_lookups_total{result="miss"}': 2,
    'analytics_report_cache_lookups_total{result="shared"}': 1,
  });
  expect(await pick(app, /^analytics_reports/)).toEqual({});
});

test('a report that takes too long is counted by its reason, and not timed', async () => {
  const { app, ask } = await start({ STATS_TIMEOUT_SECONDS: '1' });
  await delayAggregations(3000);
  const { status } = await ask('/stats?site_id=s');

  expect(status).toBe(503);
  expect(await pick(app, /^analytics_report(s_refused|_seconds_count)/)).toEqual({
    'analytics_reports_refused_total{reason="timeout"}': 1,
  });
});
