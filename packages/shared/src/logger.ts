import { type Logger, pino } from 'pino';
import pretty from 'pino-pretty';

export type { Logger };

export interface LoggerOptions {
  /** The service, as it stands in every line. */
  name: string;
  level: string;
  /** Readable lines for a person at a terminal in place of JSON for a machine. */
  isPretty: boolean;
}

/** Writes one JSON object a line to standard output, or readable lines on a terminal. */
export function createLogger({ name, level, isPretty }: LoggerOptions): Logger {
  const options = { level, base: { name }, timestamp: () => `,"time":"${new Date().toISOString()}"` };
  return isPretty
    ? pino(options, pretty({ ignore: 'name', messageFormat: `${name}: {msg}`, sync: true }))
    : pino(options);
}
