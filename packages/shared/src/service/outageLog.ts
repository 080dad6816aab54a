import type { Logger } from './logger.ts';

export interface OutageLog {
  /** Records a failure. Logs each reason once per outage. */
  failed(error: Error): void;
  /** Records a success. Logs the end of an outage, with the number of failures and its duration. */
  recovered(): void;
}

/** Log at most this many reasons per outage, because reasons may vary without limit. */
const MAX_REASONS = 10;

/** The messages of an outage. */
export interface OutageWords {
  /** The problem, such as "Redis at 127.0.0.1:6379 is away". The reason follows. */
  began: string;
  /** The recovery, such as "Redis at 127.0.0.1:6379 answers again". */
  ended: string;
}

/** Creates a log that reports an outage briefly: its start, each reason once, and its end. */
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
