import { expect, test } from 'vitest';
import { createMetrics, type MetricsFormat } from '../../src/metrics/metrics.ts';
import type { MetricTable } from '../../src/metrics/metricTable.ts';
import { createServiceMetrics } from '../../src/metrics/processMetrics.ts';

const TABLE = {
  refused: {
    type: 'counter',
    name: 'test_refused_total',
    help: 'Refused events.',
    labels: { reason: ['invalid', 'too_large'] },
  },
  waiting: { type: 'gauge', name: 'test_waiting', help: 'Waiting events.' },
  jobs: { type: 'gauge', name: 'test_jobs', help: 'Jobs.', labels: { state: ['waiting', 'active'] } },
  seconds: { type: 'histogram', name: 'test_seconds', help: 'Times.', buckets: [0.1, 1] },
} as const satisfies MetricTable;

function openTable() {
  const metrics = createMetrics();
  const list = async (format: MetricsFormat = 'text') =>
    (await metrics.scrape(format)).body.split('\n').filter((line) => line.startsWith('test_'));
  return { metrics, list, ...metrics.open(TABLE) };
}

test('counters and histograms begin at zero for each label, and a gauge that is not set is absent', async () => {
  const { list } = openTable();

  expect(await list()).toEqual([
    'test_refused_total{reason="invalid"} 0',
    'test_refused_total{reason="too_large"} 0',
    'test_seconds_bucket{le="0.1"} 0',
    'test_seconds_bucket{le="1"} 0',
    'test_seconds_bucket{le="+Inf"} 0',
    'test_seconds_sum 0',
    'test_seconds_count 0',
  ]);
});

test('the values of a table are in the next scrape', async () => {
  const { metrics, list, refused, waiting, jobs, seconds } = openTable();
  metrics.onScrape(() => {
    waiting.set(7);
    jobs.set(3, { state: 'active' });
  });
  refused.add(2, { reason: 'too_large' });
  refused.add(1, { reason: 'too_large' });
  seconds.observe(0.5);

  expect((await list()).filter((line) => !line.endsWith(' 0'))).toEqual([
    'test_refused_total{reason="too_large"} 3',
    'test_waiting 7',
    'test_jobs{state="active"} 3',
    'test_seconds_bucket{le="1"} 1',
    'test_seconds_bucket{le="+Inf"} 1',
    'test_seconds_sum 0.5',
    'test_seconds_count 1',
  ]);
});

test('a gauge disappears when its step fails or hangs, and the other metrics stay', async () => {
  const { metrics, list, waiting, jobs } = openTable();
  const steps = [() => waiting.set(7), () => Promise.reject(new Error('away')), () => new Promise(() => {})];
  let step: () => unknown = () => waiting.set(7);
  metrics.onScrape(() => step());
  metrics.onScrape(() => jobs.set(1, { state: 'waiting' }));

  const found: string[][] = [];
  for (const each of steps) {
    step = each;
    found.push((await list()).filter((line) => /^test_(waiting|jobs)/.test(line)));
  }

  const others = ['test_jobs{state="waiting"} 1'];
  expect(found).toEqual([['test_waiting 7', ...others], others, others]);
});

test('both formats can be asked for in turn, and have the same samples', async () => {
  const { metrics, list } = openTable();
  const text = await list('text');
  const openMetrics = await metrics.scrape('openmetrics');

  expect(openMetrics.contentType).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
  expect(openMetrics.body.endsWith('\n# EOF\n')).toBe(true);
  expect(openMetrics.body).toContain('# TYPE test_refused counter\n');
  expect(await list('openmetrics')).toEqual(text);
  expect(await list('text')).toEqual(text);
  expect((await metrics.scrape('text')).body).toContain('# TYPE test_refused_total counter\n');
});

test('many scrapes at once cost as much as two', async () => {
  const { metrics } = openTable();
  let steps = 0;
  metrics.onScrape(async () => {
    steps += 1;
    await new Promise(setImmediate);
  });
  const first = metrics.scrape('text');
  await new Promise(setImmediate);
  await Promise.all([first, ...Array.from({ length: 100 }, () => metrics.scrape('text'))]);

  expect(steps).toBe(2);
});

test('the metrics of a service name its build, its dependencies and the state of Node.js', async () => {
  const { scrape } = createServiceMetrics(
    { service: 'ingestion_service', version: '1.2.3' },
    { process: () => ({ status: 'up' }), redis: () => ({ status: 'down', warnings: ['a', 'b'] }) },
  );
  const lines = (await scrape('text')).body.split('\n');

  expect(lines.filter((line) => line.startsWith('analytics_'))).toEqual([
    `analytics_build_info{service="ingestion_service",version="1.2.3",node="${process.version}"} 1`,
    'analytics_dependency_up{dependency="process"} 1',
    'analytics_dependency_up{dependency="redis"} 0',
    'analytics_dependency_warnings{dependency="process"} 0',
    'analytics_dependency_warnings{dependency="redis"} 2',
  ]);
  for (const name of ['nodejs_eventloop_lag_p99_seconds', 'process_resident_memory_bytes']) {
    expect(Number(lines.find((line) => line.startsWith(`${name} `))?.split(' ')[1])).toBeGreaterThan(0);
  }
});
