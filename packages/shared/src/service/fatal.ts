import { SettingsError } from './config.ts';
import { createLogger } from './logger.ts';

/**
 * Makes what nothing else caught end the process with one readable line and exit code 1: a setting that can't
 * be used as plain text, anything else as a fatal line of the log. Belongs first in a composition root.
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

/** Ends the process as an error that nothing caught does. For what is found out where nobody waits for it. */
export function exitWithFatalError(error: Error): void {
  process.emit('uncaughtException', error);
}
