import { histogramQuantile } from './histogramQuantile.ts';
import { type PromqlNode, parsePromql } from './parse.ts';
import { findIncrease, type Point } from './rate.ts';
import type { Labels, Scrapes } from './scrapes.ts';

/** An element of an instant vector. */
interface Element {
  labels: Labels;
  value: number;
}

type Value = number | Element[];

/**
 * Evaluates an expression at the time of the last scrapes, as Prometheus does. No engine of PromQL is on npm,
 * so this one knows the part of the language that deploy/alerts.yml uses, and throws for every other:
 *
 * - selectors with matchers, and `increase` and `rate` of a range;
 * - `sum` and `max`, with `by` or without; `histogram_quantile` and `scalar`;
 * - `+`, `-`, `*` and `/`, of elements with the same labels; `and`;
 * - `>`, `<` and `==` with a number on the right.
 *
 * @param scrapes The earliest first. A series that is not in the last ones is stale.
 */
export function evaluatePromql(expression: string, scrapes: readonly Scrapes[]): Value {
  return evaluate(parsePromql(expression), scrapes);
}

function evaluate(node: PromqlNode, scrapes: readonly Scrapes[]): Value {
  const [first, second] = node.children;
  switch (node.name) {
    case 'NumberDurationLiteral':
      return Number(node.text);
    case 'ParenExpr':
      return evaluate(require(first, node), scrapes);
    case 'VectorSelector':
      return select(node, scrapes.slice(-1)).map(({ labels, points }) => ({
        labels,
        value: points[0]?.value ?? Number.NaN,
      }));
    case 'FunctionCall':
      return callFunction(require(first, node).text, require(second, node).children, scrapes);
    case 'AggregateExpr':
      return aggregate(node, scrapes);
    case 'BinaryExpr':
      return combine(node, scrapes);
    default:
      throw refuse(node);
  }
}

interface Series {
  labels: Labels;
  points: Point[];
}

const MATCHERS: Record<string, (value: string, operand: string) => boolean> = {
  '=': (value, operand) => value === operand,
  '!=': (value, operand) => value !== operand,
  '=~': (value, operand) => new RegExp(`^(?:${operand})$`).test(value),
  '!~': (value, operand) => !new RegExp(`^(?:${operand})$`).test(value),
};

/** The series of a selector that are in the last scrapes, with their points in all of them. */
function select({ children: [identifier, matchers] }: PromqlNode, scrapes: readonly Scrapes[]): Series[] {
  const conditions = (matchers?.children ?? []).map(({ children: [label, operator, literal] }) => ({
    label: label?.text ?? '',
    matches: MATCHERS[operator?.text ?? ''],
    operand: JSON.parse(literal?.text ?? '""') as string,
  }));
  const series = new Map<string, Series>();
  for (const { seconds, samples } of scrapes) {
    for (const { name, labels, value } of samples) {
      const isSelected =
        name === identifier?.text &&
        conditions.every(({ label, matches, operand }) => matches?.(labels[label] ?? '', operand));
      if (isSelected) {
        const key = toKey(labels);
        const known = series.get(key) ?? { labels, points: [] };
        known.points.push({ seconds, value });
        series.set(key, known);
      }
    }
  }
  const lastSeconds = scrapes.at(-1)?.seconds;
  return [...series.values()].filter(({ points }) => points.at(-1)?.seconds === lastSeconds);
}

const UNIT_SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600 };

function callFunction(name: string, args: PromqlNode[], scrapes: readonly Scrapes[]): Value {
  const [first, second] = args as [PromqlNode, PromqlNode];
  if ((name === 'rate' || name === 'increase') && first.name === 'MatrixSelector') {
    const [selector, duration] = first.children as [PromqlNode, PromqlNode];
    const rangeSeconds =
      Number(duration.text.slice(0, -1)) * (UNIT_SECONDS[duration.text.slice(-1)] ?? Number.NaN);
    const endSeconds = scrapes.at(-1)?.seconds ?? 0;
    const inRange = scrapes.filter(({ seconds }) => seconds > endSeconds - rangeSeconds);
    return select(selector, inRange).flatMap(({ labels, points }) => {
      const increase = findIncrease(points, { startSeconds: endSeconds - rangeSeconds, endSeconds });
      const value = name === 'rate' && increase !== undefined ? increase / rangeSeconds : increase;
      return value === undefined ? [] : [{ labels, value }];
    });
  }
  if (name === 'histogram_quantile') {
    return histogramQuantile(Number(first.text), toVector(second, scrapes));
  }
  if (name === 'scalar') {
    const vector = toVector(first, scrapes);
    return vector.length === 1 ? (vector[0] as Element).value : Number.NaN;
  }
  throw new Error(`The test's evaluator does not know the function ${name}.`);
}

const AGGREGATIONS: Record<string, (values: number[]) => number> = {
  sum: (values) => values.reduce((sum, value) => sum + value, 0),
  max: (values) => Math.max(...values),
};

function aggregate(node: PromqlNode, scrapes: readonly Scrapes[]): Element[] {
  const operation = AGGREGATIONS[node.children[0]?.text ?? ''];
  const modifier = node.children.find(({ name }) => name === 'AggregateModifier');
  const body = require(node.children.at(-1)?.children[0], node);
  if (!operation || (modifier && modifier.children[0]?.name !== 'By')) {
    throw refuse(node);
  }
  const names = modifier?.children[1]?.children.map(({ text }) => text) ?? [];
  const groups = new Map<string, { labels: Labels; values: number[] }>();
  for (const { labels, value } of toVector(body, scrapes)) {
    const kept = Object.fromEntries(
      names.filter((name) => name in labels).map((name) => [name, labels[name] ?? '']),
    );
    const group = groups.get(toKey(kept)) ?? { labels: kept, values: [] };
    group.values.push(value);
    groups.set(toKey(kept), group);
  }
  return [...groups.values()].map(({ labels, values }) => ({ labels, value: operation(values) }));
}

const ARITHMETIC: Record<string, (a: number, b: number) => number> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
};

const COMPARISONS: Record<string, (a: number, b: number) => boolean> = {
  '>': (a, b) => a > b,
  '<': (a, b) => a < b,
  '==': (a, b) => a === b,
};

function combine(node: PromqlNode, scrapes: readonly Scrapes[]): Value {
  if (node.children.length !== 3) {
    throw refuse(node);
  }
  const [leftNode, { text: operator }, rightNode] = node.children as [PromqlNode, PromqlNode, PromqlNode];
  const left = evaluate(leftNode, scrapes);
  const right = evaluate(rightNode, scrapes);
  const compute = ARITHMETIC[operator];
  const compare = COMPARISONS[operator];
  if (compute && typeof left === 'number') {
    return typeof right === 'number'
      ? compute(left, right)
      : mapValues(right, (value) => compute(left, value));
  }
  if (compute && typeof left === 'object') {
    return typeof right === 'number'
      ? mapValues(left, (value) => compute(value, right))
      : match(left, right).map(([a, b]) => ({ labels: a.labels, value: compute(a.value, b.value) }));
  }
  if (compare && typeof left === 'object' && typeof right === 'number') {
    return left.filter(({ value }) => compare(value, right));
  }
  if (operator === 'and' && typeof left === 'object' && typeof right === 'object') {
    return match(left, right).map(([element]) => element);
  }
  throw refuse(node);
}

/** The pairs of elements with the same labels. */
function match(left: readonly Element[], right: readonly Element[]): [Element, Element][] {
  return left.flatMap((element): [Element, Element][] => {
    const other = right.find(({ labels }) => toKey(labels) === toKey(element.labels));
    return other ? [[element, other]] : [];
  });
}

function mapValues(vector: readonly Element[], change: (value: number) => number): Element[] {
  return vector.map(({ labels, value }) => ({ labels, value: change(value) }));
}

function toVector(node: PromqlNode, scrapes: readonly Scrapes[]): Element[] {
  const value = evaluate(node, scrapes);
  if (typeof value === 'number') {
    throw refuse(node);
  }
  return value;
}

function toKey(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function require(child: PromqlNode | undefined, node: PromqlNode): PromqlNode {
  if (!child) {
    throw refuse(node);
  }
  return child;
}

function refuse({ name, text }: PromqlNode): Error {
  return new Error(`The test's evaluator does not know this ${name}: ${text}`);
}
