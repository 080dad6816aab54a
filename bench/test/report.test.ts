import { expect, test } from 'vitest';
import { atLeast, atMost, compareMedians, formatComparison, renderReport } from '../src/report.ts';

test.each([
  { value: 0.6171, bound: atLeast(0.5, 0.75), text: '0.62 (at least 0.50, goal 0.75)' },
  { value: 12.345, bound: atLeast(5, 8), text: '12.3 (at least 5.00, goal 8.00)' },
  { value: 143.2, bound: atMost(200, 120), text: '143 (at most 200, goal 120)' },
  { value: 0.69587, bound: atLeast(0.7, 0.95), text: '0.69587 (at least 0.70, goal 0.95)' },
])('$value is formatted as $text', ({ value, bound, text }) => {
  expect(formatComparison(value, bound)).toBe(text);
});

test('a report shows medians with their range, ratios with their bounds, and the remarks', () => {
  const ours = { name: 'this', unit: 'requests/s', samples: [9000, 30_000, 27_000] };
  const bare = { name: 'bare', unit: 'requests/s', samples: [45_000, 46_000, 47_000] };
  const text = renderReport({
    quantities: [bare, ours],
    comparisons: [
      compareMedians('this / bare', ours, bare, atLeast(0.5, 0.75)),
      compareMedians('bare / this', bare, ours, atMost(2, 1.9)),
      compareMedians('this / this', ours, ours, atLeast(2, 3)),
      compareMedians('this / nothing', ours, { ...bare, samples: [0] }, atLeast(2, 3)),
    ],
    remarks: ['this: 3 socket errors'],
  });
  expect(text).toBe(`| measured | in         | median | range         |
|----------|------------|--------|---------------|
| bare     | requests/s | 46,000 | 45,000–47,000 |
| this     | requests/s | 27,000 | 9,000–30,000  |

| compared       | ratio                           |                  |
|----------------|---------------------------------|------------------|
| this / bare    | 0.59 (at least 0.50, goal 0.75) | within the bound |
| bare / this    | 1.70 (at most 2.00, goal 1.90)  | goal reached     |
| this / this    | 1.00 (at least 2.00, goal 3.00) | out of the bound |
| this / nothing | none (at least 2.00, goal 3.00) | not measured     |

- this: 3 socket errors`);
});

test('a ratio is a ratio of medians, not of means', () => {
  const part = { name: 'part', unit: 's', samples: [6, 6, 600] };
  const whole = { name: 'whole', unit: 's', samples: [1, 3, 900] };
  expect(compareMedians('part / whole', part, whole, atMost(2, 2)).value).toBe(2);
});
