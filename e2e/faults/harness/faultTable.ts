/** A fault's line in the table. */
export interface FaultRow {
  fault: string;
  sent: number;
  acknowledged: number;
  stored: number;
  deadLettered: number;
  lost: number;
  doubled: number;
  /** Until a new event was accepted and stored. */
  recoverySeconds: number;
  /** Until all events that were acknowledged before were stored. */
  catchUpSeconds: number;
}

const COLUMNS: readonly [title: string, read: (row: FaultRow) => string][] = [
  ['fault', ({ fault }) => fault],
  ['sent', ({ sent }) => String(sent)],
  ['acknowledged', ({ acknowledged }) => String(acknowledged)],
  ['stored', ({ stored }) => String(stored)],
  ['dead-lettered', ({ deadLettered }) => String(deadLettered)],
  ['lost', ({ lost }) => String(lost)],
  ['doubled', ({ doubled }) => String(doubled)],
  ['time to recover (s)', ({ recoverySeconds }) => recoverySeconds.toFixed(1)],
  ['all stored (s)', ({ catchUpSeconds }) => catchUpSeconds.toFixed(1)],
];

/** Writes the rows as a table in Markdown that also reads well in a terminal. */
export function formatFaultTable(rows: readonly FaultRow[]): string {
  const columns = COLUMNS.map(([title, read], index) => {
    const cells = [title, ...rows.map(read)];
    const width = Math.max(...cells.map(({ length }) => length));
    const align = (text: string) => (index === 0 ? text.padEnd(width) : text.padStart(width));
    return { cells: cells.map(align), rule: index === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:` };
  });
  const lines = [0, ...rows.map((_, index) => index + 1)].map((line) =>
    columns.map(({ cells }) => cells[line] as string),
  );
  const [head, ...body] = lines as [string[], ...string[][]];
  return [head, columns.map(({ rule }) => rule), ...body]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}
