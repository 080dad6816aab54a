import type { Samples } from './rounds.ts';
import { findMedian } from './statistics.ts';

/** The limit that a value must keep, and the goal that it is to reach. */
export interface Bound {
  kind: 'at least' | 'at most';
  limit: number;
  goal: number;
}

export function atLeast(limit: number, goal: number): Bound {
  return { kind: 'at least', limit, goal };
}

export function atMost(limit: number, goal: number): Bound {
  return { kind: 'at most', limit, goal };
}

/** A quantity with one or more samples per round. */
export interface Quantity {
  /** For example `naive, everysec`. */
  name: string;
  /** For example `requests/s`. */
  unit: string;
  samples: number[];
}

export interface Comparison {
  name: string;
  value: number;
  bound: Bound;
}

/** The result of one part, or of one of its sections. */
export interface Findings {
  quantities: Quantity[];
  comparisons: Comparison[];
  /** What qualifies the numbers, such as errors. */
  remarks: string[];
}

export interface Report extends Findings {
  /** How it was measured: `5 rounds of 10 s`. */
  settings: string;
}

/** One quantity of a variant. */
export function toQuantity<Sample>(
  { name, samples }: Samples<Sample>,
  unit: string,
  read: (sample: Sample) => number,
): Quantity {
  return { name, unit, samples: samples.map(read) };
}

/** The same quantity of every variant. */
export function mapQuantities<Key extends string, Sample>(
  results: Record<Key, Samples<Sample>>,
  unit: string,
  read: (sample: Sample) => number,
): Record<Key, Quantity> {
  const entries = Object.entries<Samples<Sample>>(results);
  return Object.fromEntries(
    entries.map(([key, samples]) => [key, toQuantity(samples, unit, read)]),
  ) as Record<Key, Quantity>;
}

/** The ratio of the medians of two quantities. */
export function compareMedians(name: string, part: Quantity, whole: Quantity, bound: Bound): Comparison {
  return { name, value: findMedian(part.samples) / findMedian(whole.samples), bound };
}

/** Renders the tables for the terminal and for `RESULTS.md`. */
export function renderReport({ quantities, comparisons, remarks }: Findings): string {
  const quantityRows = quantities.map(({ name, unit, samples }) => [
    name,
    unit,
    formatNumber(findMedian(samples)),
    `${formatNumber(Math.min(...samples))}–${formatNumber(Math.max(...samples))}`,
  ]);
  const comparisonRows = comparisons.map(({ name, value, bound }) => [
    name,
    formatComparison(value, bound),
    judge(value, bound),
  ]);
  const blocks = [
    renderTable(['measured', 'in', 'median', 'range'], quantityRows),
    renderTable(['compared', 'ratio', ''], comparisonRows),
    remarks.map((remark) => `- ${remark}`).join('\n'),
  ];
  return blocks.filter(Boolean).join('\n\n');
}

/** For example `0.62 (at least 0.50, goal 0.75)`. */
export function formatComparison(value: number, bound: Bound): string {
  const marks = [bound.limit, bound.goal].map(formatNumber);
  const rounded = formatNumber(value);
  // Five digits where rounding would hide on which side of a mark the value is.
  const text = marks.includes(rounded) ? String(Number(value.toPrecision(5))) : rounded;
  return `${text} (${bound.kind} ${marks[0]}, goal ${marks[1]})`;
}

function judge(value: number, { kind, limit, goal }: Bound): string {
  if (!Number.isFinite(value)) {
    return 'not measured';
  }
  const reaches = (mark: number) => (kind === 'at least' ? value >= mark : value <= mark);
  if (reaches(goal)) {
    return 'goal reached';
  }
  return reaches(limit) ? 'within the bound' : 'out of the bound';
}

function formatNumber(value: number): string {
  if (!Number.isFinite(value)) {
    return 'none';
  }
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A Markdown table with aligned columns; empty without rows. */
function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) {
    return '';
  }
  const widths = head.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const renderRow = (cells: readonly string[]) =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [renderRow(head), rule, ...rows.map(renderRow)].join('\n');
}
