import { type DestinationStream, type Logger, pino } from 'pino';
import pretty from 'pino-pretty';
import { serializeError } from './serializeError.ts';

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
  const options = {
    level,
    base: { name },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    serializers: { err: serializeError },
  };
  const destination = isPretty
    ? pretty({ ignore: 'name', messageFormat: `${name}: {msg}`, sync: true })
    : createLineDestination();
  return pino(options, destination);
}

/** More than this is written at once. */
const MAX_BUFFERED_BYTES = 8 * 1024;

/**
 * Writes the lines of one turn of the event loop together: a worker that finishes dozens of jobs at once
 * would otherwise spend more on telling of them than on some of its work. What is left when the process exits
 * is written before it does.
 */
function createLineDestination(): DestinationStream {
  const destination = pino.destination({
    fd: process.stdout.fd,
    sync: true,
    minLength: MAX_BUFFERED_BYTES,
  });
  let isFlushDue = false;
  const flush = () => {
    isFlushDue = false;
    destination.flushSync();
  };
  process.once('exit', flush);
  return {
    write: (line) => {
      destination.write(line);
      if (!isFlushDue) {
        isFlushDue = true;
        setImmediate(flush);
      }
    },
  };
}
