import { z } from 'zod';

/**
 * Reads an option that is a UTC day. Returns its start in milliseconds since 1970, or undefined without the
 * option.
 *
 * @throws Error that names the option.
 */
export function readDay(option: string, text: string | undefined): number | undefined {
  if (text === undefined) {
    return undefined;
  }
  // Date.parse takes February the 30th for a day in March.
  if (!z.iso.date().safeParse(text).success) {
    throw new Error(`${option} ${text} is not a day. Write it as 2025-11-12.`);
  }
  return Date.parse(text);
}
