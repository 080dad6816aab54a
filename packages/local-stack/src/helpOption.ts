import { parseArgs } from 'node:util';
import { complain, say } from './terminal.ts';

/**
 * Follows `--help`, the only option of our programs: prints `text` and ends with 0. Any other argument ends
 * with 1.
 */
export function readHelpOption(text: string): void {
  try {
    const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' } } });
    if (values.help) {
      say(text);
      process.exit(0);
    }
  } catch (error) {
    complain(`${(error as Error).message}\n\n${text}`);
    process.exit(1);
  }
}
