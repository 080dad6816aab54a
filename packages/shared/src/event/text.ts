import { z } from 'zod';

/** What a pattern can say of `isStorableText`. */
const WITHOUT_NUL = '^[^\\u0000]*$';

/**
 * A text of 1 to `max` UTF-16 code units that MongoDB stores unchanged and that a derived `_id` can contain.
 */
export function text(max: number) {
  return z
    .string({ error: whenPresent('must be a string') })
    .min(1, 'must not be empty')
    .max(max, `must have at most ${max} characters`)
    .refine(isStorableText, 'must be valid Unicode without NUL')
    .meta({ pattern: WITHOUT_NUL });
}

/** Whether `text(max)` accepts a value. */
export function isText(value: unknown, max: number): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= max && isStorableText(value);
}

/** A lone surrogate would be stored as U+FFFD, so two different texts could become one. */
export function isStorableText(value: string): boolean {
  return !value.includes('\0') && value.isWellFormed();
}

/** The message for a value that is not an object. Unknown keys of an object keep zod's own message. */
export function describeNonObject(issue: { code?: string }) {
  return issue.code === 'invalid_type' ? 'must be an object' : undefined;
}

/** The message for a field: that it is missing, or else `message`. */
export function whenPresent(message: string) {
  return (issue: { input?: unknown }) => (issue.input === undefined ? 'is required' : message);
}
