/** What a load generator saw in one run. */
export interface LoadResult {
  seconds: number;
  /** Answers of 2xx. */
  accepted: number;
  /** Answers of 503; among the other errors where they were not told apart. */
  unavailable: number;
  /** All other answers that are not 2xx. */
  otherErrors: number;
  /** Connections refused, reset or timed out. */
  socketErrors: number;
  /** The 99th percentile of the time to an answer, in milliseconds. */
  p99Ms: number;
}

const MARK = 'LOAD ';

/** The line by which our scripts for wrk and autocannon report. */
export function formatLoadLine(result: LoadResult): string {
  return MARK + JSON.stringify(result);
}

/**
 * Finds that line in a load generator's output.
 *
 * @throws Error with the output if it has none.
 */
export function parseLoadOutput(output: string): LoadResult {
  const line = output.split('\n').find((candidate) => candidate.startsWith(MARK));
  if (line === undefined) {
    throw new Error(`The load generator reported nothing:\n${output}`);
  }
  return JSON.parse(line.slice(MARK.length)) as LoadResult;
}

/** The sentence about what went wrong in a run; empty if nothing did. */
export function describeTrouble(results: readonly LoadResult[]): string {
  const total = (count: (result: LoadResult) => number) =>
    results.reduce((sum, result) => sum + count(result), 0);
  const parts = [
    [total((result) => result.unavailable), 'answers of 503 (overloaded)'],
    [total((result) => result.otherErrors), 'answers that are not 2xx'],
    [total((result) => result.socketErrors), 'socket errors'],
  ] as const;
  return parts
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${count.toLocaleString('en')} ${what}`)
    .join(', ');
}
