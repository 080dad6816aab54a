import { parseArgs } from 'node:util';
import { print, printError } from './terminal.ts';

/**
 * Handles `--help`, the only option of these programs: prints `text` and exits with 0. Any other argument
 * exits with 1.
 */
export function readHelpOption(text: string): void {
  try {
    const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' } } });
    if (values.help) {
      print(text);
      process.exit(0);
    }
  } catch (error) {
    printError(`${(error as Error).message}\n\n${text}`);
    process.exit(1);
  }
}
