import { expect, test } from 'vitest';
import { evaluatePromql } from './promql/evaluate.ts';
import { parsePromql } from './promql/parse.ts';
import type { Scrapes } from './promql/scrapes.ts';

const sample = (name: string, labels: Record<string, string>, value: number) => ({ name, labels, value });

const scrapes: Scrapes[] = [
  {
    seconds: 60,
    samples: [
      sample('c_total', { job: 'a' }, 100),
      sample('c_total', { job: 'b' }, 50),
      sample('gone', { job: 'a' }, 1),
    ],
  },
  {
    seconds: 300,
    samples: [
      sample('c_total', { job: 'a' }, 148),
      sample('c_total', { job: 'b' }, 10),
      sample('g', { job: 'a' }, 3),
      sample('g', { job: 'b' }, 5),
      sample('h', { job: 'a' }, 4),
      sample('s_bucket', { le: '0.1' }, 0),
      sample('s_bucket', { le: '1' }, 90),
      sample('s_bucket', { le: '+Inf' }, 100),
    ],
  },
];

// The values are those of Prometheus 2.42 for the same samples.
test.each<[string, unknown]>([
  [
    'g',
    [
      { labels: { job: 'a' }, value: 3 },
      { labels: { job: 'b' }, value: 5 },
    ],
  ],
  ['g{job!="a"} > 4', [{ labels: { job: 'b' }, value: 5 }]],
  ['g{job=~"a|c"}', [{ labels: { job: 'a' }, value: 3 }]],
  ['g > 5', []],
  ['gone', []],
  ['sum(g) + max(g) * 2', [{ labels: {}, value: 18 }]],
  ['g / h', [{ labels: { job: 'a' }, value: 0.75 }]],
  ['(g > 0) and h == 4', [{ labels: { job: 'a' }, value: 3 }]],
  ['g > 0.5 * scalar(sum(g))', [{ labels: { job: 'b' }, value: 5 }]],
  ['increase(c_total{job="a"}[5m])', [{ labels: { job: 'a' }, value: 60 }]],
  ['rate(c_total{job="a"}[5m])', [{ labels: { job: 'a' }, value: 0.2 }]],
  ['increase(c_total{job="b"}[5m])', [{ labels: { job: 'b' }, value: 12.5 }]],
  ['increase(c_total[2m])', []],
  ['histogram_quantile(0.45, s_bucket)', [{ labels: {}, value: 0.55 }]],
  ['histogram_quantile(0.95, s_bucket)', [{ labels: {}, value: 1 }]],
])('%s has the value that Prometheus gives it', (expression, value) => {
  expect(evaluatePromql(expression, scrapes)).toEqual(value);
});

test.each([
  'g or h',
  'g > bool 1',
  'g / on(job) h',
  'avg(g)',
  'sum without (job) (g)',
  'irate(c_total[5m])',
  'g offset 5m',
  '-g',
  'max_over_time(g[5m])',
  '1 > g',
])('%s is refused, because the evaluator of the tests does not know it', (expression) => {
  expect(() => evaluatePromql(expression, scrapes)).toThrow(/does not know/);
});

test('what is no expression is refused with its place', () => {
  expect(() => parsePromql('rate(c_total[5m)')).toThrow(/^Not an expression at character \d+: rate/);
});
