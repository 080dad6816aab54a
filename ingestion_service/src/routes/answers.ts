import { fieldErrorSchema } from '@analytics/shared/http/problem';
import { z } from 'zod';

/** The answer of `POST /event`. */
export const eventAnswer = z.strictObject({ success: z.literal(true) });

/** The answer of `POST /events`. */
export const batchAnswer = z.strictObject({
  success: z.literal(true),
  accepted: z.int().min(1).describe('The number of queued events.'),
  rejected: z
    .array(
      z.strictObject({
        index: z.int().min(0).describe('The index of the event in the batch, from 0.'),
        errors: z
          .array(fieldErrorSchema)
          .min(1)
          .max(3)
          .describe('The invalid fields; `event` for the whole event. One, if many events are rejected.'),
      }),
    )
    .optional()
    .describe('With `partial=true` only: the events that are not queued.'),
});
