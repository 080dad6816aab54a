import type { Logger } from './logger.ts';

export interface OutageLog {
  /** The dependency failed. Logged for each reason once in an outage; else counted. */
  failed(error: Error): void;
  /** The dependency answered. Logged if it had failed before, with how often and for how long. */
  recovered(): void;
}

/** Reasons that vary without end would fill the log. */
const MAX_REASONS = 10;

/** Keeps the log of a dependency's outage short: its beginning, every reason once, its end. */
export function createOutageLog(
  dependency: string,
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
        logger.warn(`${dependency} is away: ${reason}. Trying again until it answers.`);
      }
    },
    recovered: () => {
      if (failures > 0) {
        logger.info({ failures, away_ms: now() - sinceMs }, `${dependency} answers again`);
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
