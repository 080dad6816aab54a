import type { Logger } from './logger.ts';

export interface OutageLog {
  /** It failed. Logged for each reason once in an outage; else counted. */
  failed(error: Error): void;
  /** It worked. Logged if it had failed before, with how often and for how long. */
  recovered(): void;
}

/** Reasons that vary without end would fill the log. */
const MAX_REASONS = 10;

/** How an outage is told. */
export interface OutageWords {
  /** What is the matter, such as "Redis at 127.0.0.1:6379 is away"; the reason follows. */
  began: string;
  /** That it is over, such as "Redis at 127.0.0.1:6379 answers again". */
  ended: string;
}

/** Keeps the log of an outage short: its beginning, every reason once, its end. */
export function createOutageLog(
  { began, ended }: OutageWords,
  logger: Pick<Logger, 'warn' | 'info'>,
  now: () => number = Date.now,
): OutageLog {
  const reasons = new Set<string>();
  let failures = 0;
  let sinceMs = 0;

  return {
    failed: (error) => {
      if (failures === 0) {
        sinceMs = now();
      }
      failures += 1;
      const reason = describe(error);
      if (!reasons.has(reason) && reasons.size < MAX_REASONS) {
        reasons.add(reason);
        logger.warn(`${began}: ${reason}`);
      }
    },
    recovered: () => {
      if (failures > 0) {
        logger.info({ failures, away_ms: now() - sinceMs }, ended);
      }
      failures = 0;
      reasons.clear();
    },
  };
}

// An AggregateError of refused connections has an empty message of its own.
function describe(error: Error): string {
  const [first] = error instanceof AggregateError ? error.errors : [];
  return error.message || (first instanceof Error ? first.message : error.name);
}
