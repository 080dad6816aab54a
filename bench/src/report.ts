import type { Samples } from './rounds.ts';
import { findMedian, findMedianRatio } from './statistics.ts';
import { renderTable } from './table.ts';

/** What a ratio must reach (`at least`) or may not exceed (`at most`), and what it should. */
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

/** A quantity that was measured once a round. */
export interface Quantity {
  /** Of whom: `naive, everysec`. */
  name: string;
  /** What and in which unit: `requests/s`. */
  measure: string;
  samples: number[];
}

/** One quantity out of the samples of a variant. */
export function toQuantity<Sample>(
  { name, samples }: Samples<Sample>,
  measure: string,
  read: (sample: Sample) => number,
): Quantity {
  return { name, measure, samples: samples.map(read) };
}

/** The same quantity of every variant. */
export function mapQuantities<Key extends string, Sample>(
  results: Record<Key, Samples<Sample>>,
  measure: string,
  read: (sample: Sample) => number,
): Record<Key, Quantity> {
  const entries = Object.entries<Samples<Sample>>(results);
  return Object.fromEntries(
    entries.map(([key, samples]) => [key, toQuantity(samples, measure, read)]),
  ) as Record<Key, Quantity>;
}

/** The median of a quantity's samples; NaN if there is none. */
export function readMedian({ samples }: Quantity): number {
  return findMedian(samples);
}

export interface Comparison {
  name: string;
  value: number;
  /** None where the number only explains another. */
  bound?: Bound;
}

/** What one part found. */
export interface Report {
  /** How it was measured, in a few words: `5 rounds of 10 s`. */
  settings: string;
  quantities: Quantity[];
  comparisons: Comparison[];
  /** What a reader of the numbers must know: errors above all. */
  remarks: string[];
}

/** The ratio of the medians of two quantities. */
export function compareMedians(name: string, part: Quantity, whole: Quantity, bound?: Bound): Comparison {
  const value = findMedianRatio(part.samples, whole.samples);
  return bound ? { name, value, bound } : { name, value };
}

/** The report as tables, for the terminal and for `RESULTS.md`. */
export function renderReport({ quantities, comparisons, remarks }: Report): string {
  const quantityRows = quantities.map(({ name, measure, samples }) => [
    name,
    measure,
    formatNumber(findMedian(samples)),
    `${formatNumber(Math.min(...samples))}–${formatNumber(Math.max(...samples))}`,
  ]);
  const comparisonRows = comparisons.map(({ name, value, bound }) => [
    name,
    formatComparison(value, bound),
    bound ? judge(value, bound) : '',
  ]);
  const blocks = [
    renderTable(['measured', 'in', 'median', 'range'], quantityRows),
    renderTable(['compared', 'ratio', ''], comparisonRows),
    remarks.map((remark) => `- ${remark}`).join('\n'),
  ];
  return blocks.filter(Boolean).join('\n\n');
}

/** As in `0.62 (at least 0.50, goal 0.75)`. */
export function formatComparison(value: number, bound?: Bound): string {
  if (!bound) {
    return formatNumber(value);
  }
  const marks = [bound.limit, bound.goal].map(formatNumber);
  const rounded = formatNumber(value);
  // Where rounding hides on which side of a mark it lies, more digits show it.
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

/** Three digits below a thousand, whole numbers above: a shared machine promises no more. */
function formatNumber(value: number): string {
  if (!Number.isFinite(value)) {
    return 'none';
  }
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
