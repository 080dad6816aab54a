import type { Logger } from './logger.ts';

export interface OutageLog {
  /** The dependency failed. Logged when it is the first failure in a row, or another one than before; else counted. */
  failed(error: Error): void;
  /** The dependency answered. Logged if it had failed before, with how often and for how long. */
  recovered(): void;
}

/** Keeps the log of a dependency's outage short: its beginning, every change of its reason, its end. */
export function createOutageLog(
  dependency: string,
  logger: Pick<Logger, 'warn' | 'info'>,
  now: () => number = Date.now,
): OutageLog {
  let failures = 0;
  let sinceMs = 0;
  let lastMessage: string | undefined;

  return {
    failed: (error) => {
      if (failures === 0) {
        sinceMs = now();
      }
      failures += 1;
      const message = describe(error);
      if (message !== lastMessage) {
        logger.warn(`${dependency} is away: ${message}. Trying again until it answers.`);
        lastMessage = message;
      }
    },
    recovered: () => {
      if (failures > 0) {
        logger.info({ failures, away_ms: now() - sinceMs }, `${dependency} answers again`);
      }
      failures = 0;
      lastMessage = undefined;
    },
  };
}

// An AggregateError of refused connections has an empty message of its own.
function describe(error: Error): string {
  const [first] = error instanceof AggregateError ? error.errors : [];
  return error.message || (first instanceof Error ? first.message : error.name);
}
