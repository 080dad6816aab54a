import { describeFieldErrors, ProblemError, toFieldErrors } from '@analytics/shared/http/problem';
import type { Request } from 'express';
import { z } from 'zod';
import { refuseEvents } from './refusal.ts';

/** A repeated parameter arrives as an array, which is not an allowed value. */
export const batchQuerySchema = z.strictObject({
  partial: z
    .enum(['true', 'false'], { error: 'must be true or false, and given once' })
    .default('false')
    .describe('Whether the valid events of a batch are accepted although others are not.'),
  // `access/` reads it.
  key: z.unknown().optional().describe('A write key, for clients that cannot set headers.'),
});

/**
 * Reads the query of `POST /events`. `isPartial` is whether the valid events of a batch are accepted although
 * others are not.
 *
 * @throws ProblemError 400 that names every unknown parameter and every invalid value. A
 * misspelt `partial` would otherwise change what happens to the valid events of a batch.
 */
export function readBatchQuery({ query }: Request): { isPartial: boolean } {
  const parsed = batchQuerySchema.safeParse(query);
  if (!parsed.success) {
    const errors = toFieldErrors(parsed.error, 'query');
    throw new ProblemError(400, `The query can't be understood: ${describeFieldErrors(errors)}.`, {
      errors,
      ...refuseEvents('invalid'),
    });
  }
  return { isPartial: parsed.data.partial === 'true' };
}
