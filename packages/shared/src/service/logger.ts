import { type DestinationStream, type Logger, pino } from 'pino';
import pretty from 'pino-pretty';
import { serializeError } from './serializeError.ts';

export type { Logger };

export interface LoggerOptions {
  /** The name of the service in every line. */
  name: string;
  level: string;
  /** Readable lines for a terminal instead of JSON. */
  isPretty: boolean;
}

/** Writes one JSON object per line to standard output, or readable lines to a terminal. */
export function createLogger({ name, level, isPretty }: LoggerOptions): Logger {
  const options = {
    level,
    base: { name },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: serializeError },
  };
  const destination = isPretty
    ? pretty({ ignore: 'name', messageFormat: `${name}: {msg}`, sync: true })
    : createLineDestination();
  return pino(options, destination);
}

/** A longer buffer is written at once. */
const MAX_BUFFERED_BYTES = 8 * 1024;

/**
 * Writes the lines of one turn of the event loop together: a worker that finishes dozens of jobs at once
 * would otherwise spend much of its time on the log. Flushes the buffer when the process exits.
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
