import { describeFieldErrors, ProblemError, toFieldErrors } from '@analytics/shared/http/problem';
import type { Request } from 'express';
import { z } from 'zod';
import { refuseEvents } from './refusal.ts';

/** A repeated parameter arrives as an array, which is not an allowed value. */
const batchQuerySchema = z.strictObject({
  partial: z.enum(['true', 'false'], { error: 'must be true or false, and given once' }).default('false'),
});

export interface BatchQuery {
  /** Whether the valid events of a batch are accepted although others are not. */
  isPartial: boolean;
}

/**
 * Reads the query of `POST /events`.
 *
 * @throws ProblemError 400 that names every unknown parameter and every invalid value. A
 * misspelt `partial` would otherwise change what happens to the valid events of a batch.
 */
export function readBatchQuery({ query }: Pick<Request, 'query'>): BatchQuery {
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
