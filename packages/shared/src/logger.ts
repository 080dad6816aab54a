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

/**
 * Writes one JSON object a line to standard output, or readable lines on a terminal. Each line is written before the call
 * returns: an asynchronous write still under way when the process exits would come after the lines that followed it.
 */
export function createLogger({ name, level, isPretty }: LoggerOptions): Logger {
  const options = { level, base: { name }, timestamp: () => `,"time":"${new Date().toISOString()}"` };
  const destination = isPretty
    ? pretty({ ignore: 'name', messageFormat: `${name}: {msg}`, sync: true })
    : pino.destination({ fd: process.stdout.fd, sync: true });
  return pino(options, destination);
}
