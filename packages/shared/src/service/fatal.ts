import { SettingsError } from './config.ts';
import { createLogger } from './logger.ts';

/**
 * Ends the process on an uncaught error, with one readable line and exit code 1: plain text for an invalid
 * setting, else a fatal line of the log. Call it first in a composition root.
 */
export function handleFatalErrors(name: string): void {
  process.on('uncaughtException', (error) => {
    if (error instanceof SettingsError) {
      process.stderr.write(`${name} can't start. ${error.message}\n`);
    } else {
      const logger = createLogger({ name, level: 'fatal', isPretty: process.stdout.isTTY });
      logger.fatal({ err: error }, error.message);
    }
    process.exit(1);
  });
}

/** Ends the process as an uncaught error does. For errors in background work, which no caller awaits. */
export function exitWithFatalError(error: Error): void {
  process.emit('uncaughtException', error);
}
