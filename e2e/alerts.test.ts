import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { expect, test } from 'vitest';
import { startAlertSystem } from './alertConditions.ts';
import { readAlertRules, readDashboard } from './alertRules.ts';
import { evaluatePromql } from './promql/evaluate.ts';
import { listMetricNames, parsePromql } from './promql/parse.ts';
import { type Scrapes, scrapeTargets } from './promql/scrapes.ts';
import { waitUntilReady } from './startServices.ts';

const rules = readAlertRules();
const { services, targets, conditions, post, report } = await startAlertSystem(useTestStack());

/**
 * The n-th scrape of a test. Each counts as four minutes after the one before, because every range of the
 * rules is longer.
 */
const scrape = (n: number): Promise<Scrapes> => scrapeTargets(targets, n * 240);

/** Whether an alert is active. Its `for`, which only delays the message, is left out. */
function isActive(alert: string, scrapes: readonly Scrapes[]): boolean {
  const { expr = '' } = rules.find((rule) => rule.alert === alert) ?? {};
  const result = evaluatePromql(expr, scrapes);
  return typeof result === 'object' && result.length > 0;
}

/** The names of all metrics that the services have, and those that Prometheus adds. */
async function listNames(): Promise<Set<string>> {
  await waitUntilReady(services);
  const { samples } = await waitUntil(
    () => scrape(1),
    (found) => found.samples.some(({ name }) => name === 'analytics_rollup_buckets_due'),
  );
  return new Set(samples.map(({ name }) => name));
}

test('every expression of the rules and of the dashboard can be parsed, and its metrics exist', async () => {
  const names = await listNames();
  const panels = readDashboard().panels.flatMap(({ title, targets: queries = [] }) =>
    queries.map(({ expr }) => ({ where: title, expr: expr.replaceAll('$__rate_interval', '5m') })),
  );
  const all = [...rules.map(({ alert, expr }) => ({ where: alert, expr })), ...panels];
  const missing = all.flatMap(({ where, expr }) =>
    listMetricNames(parsePromql(expr))
      .filter((name) => !names.has(name))
      .map((name) => `${where}: ${name}`),
  );

  expect(missing).toEqual([]);
  expect(all.length).toBeGreaterThan(40);
});

test('the dashboard shows every metric of the services but the detailed ones of Node.js', async () => {
  const shown = new Set(
    readDashboard().panels.flatMap(({ targets: queries = [] }) =>
      queries.flatMap(({ expr }) => listMetricNames(parsePromql(expr.replaceAll('$__rate_interval', '5m')))),
    ),
  );
  const families = [...(await listNames())].filter((name) => name.startsWith('analytics_')).map(toFamily);
  const rows = readDashboard().panels.filter(({ type }) => type === 'row');

  expect(
    [...new Set(families)].filter((family) => ![...shown].some((name) => toFamily(name) === family)),
  ).toEqual([]);
  expect(rows.map(({ title }) => title)).toEqual([
    'Ingestion',
    'Queue',
    'Worker',
    'Rollups',
    'Reports',
    'Process',
  ]);
});

test('docs/operations.md lists the metrics that the services have', async () => {
  const docs = readFileSync(join(import.meta.dirname, '../docs/operations.md'), 'utf8');
  const listed = [...docs.matchAll(/^\| `(analytics_\w+)`/gm)].map(([, name = '']) => toFamily(name));
  const families = [...(await listNames())].filter((name) => name.startsWith('analytics_')).map(toFamily);

  expect(listed.sort()).toEqual([...new Set(families)].sort());
});

function toFamily(name: string): string {
  return name.replace(/_(bucket|sum|count)$/, '');
}

test('a condition is known for every alert, and a working system has none', async () => {
  await waitUntilReady(services);
  const before = await scrape(1);
  await post('/event', {
    site_id: 's',
    event_type: 'page_view',
    path: '/',
    timestamp: '2025-11-12T19:30:01Z',
  });
  await report('s');
  await waitUntil(
    async () => (await fetch(`${services.processor.url}/metrics`)).text(),
    (text) => /^analytics_worker_events_stored_total [1-9]/m.test(text),
  );
  const scrapes = [before, await scrape(2)];

  expect(Object.keys(conditions).sort()).toEqual(rules.map(({ alert }) => alert).sort());
  expect(rules.map(({ alert }) => alert).filter((alert) => isActive(alert, scrapes))).toEqual([]);
});

test.each(Object.entries(conditions))('%s fires in its condition, and not before', async (alert, provoke) => {
  await waitUntilReady(services);
  let before = await scrape(2);
  await waitUntil(async () => {
    const scrapes = [await scrape(1), await scrape(2)];
    before = scrapes[1] as Scrapes;
    return !isActive(alert, scrapes);
  });
  const end = await provoke();
  try {
    expect(await waitUntil(async () => isActive(alert, [before, await scrape(3)]))).toBe(true);
  } finally {
    await end();
  }
});
