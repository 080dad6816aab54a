import { z } from 'zod';

/** Text of 1 to `max` characters that MongoDB keeps as it is and that can stand in a derived `_id`. */
export function text(max: number) {
  return z
    .string({ error: whenPresent('must be a string') })
    .min(1, 'must not be empty')
    .max(max, `must have at most ${max} characters`)
    .refine(isStorableText, 'must be valid Unicode without NUL');
}

/** A lone surrogate would be stored as U+FFFD, so two different texts could become one. */
export function isStorableText(value: string): boolean {
  return !value.includes('\0') && value.isWellFormed();
}

/** What zod says of a value that is not an object. Unknown keys of an object keep zod's own message. */
export function describeNonObject(issue: { code?: string }) {
  return issue.code === 'invalid_type' ? 'must be an object' : undefined;
}

/** What zod says of a field: that it is missing, or else `message`. */
export function whenPresent(message: string) {
  return (issue: { input?: unknown }) => (issue.input === undefined ? 'is required' : message);
}
