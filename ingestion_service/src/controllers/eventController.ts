import { type EventJob, toEventJob } from '@analytics/shared/event';
import { describeFieldErrors, ProblemError } from '@analytics/shared/problem';
import type { RequestHandler } from 'express';
import { readJsonBody } from '../utils/readJsonBody.ts';
import type { ValidateEvent } from '../utils/validateEvent.ts';

const BODY_LIMIT_BYTES = 64 * 1024;

export interface EventControllerDeps {
  validateEvent: ValidateEvent;
  /** Resolves once the queue has the event for good. */
  enqueueEvent: (event: EventJob) => Promise<void>;
}

/** Answers `POST /event`: 202 once the event is queued, 400 with every field at fault if it can't be. */
export function createEventController({ validateEvent, enqueueEvent }: EventControllerDeps): RequestHandler {
  return async function postEvent(request, response) {
    const validation = validateEvent(await readJsonBody(request, BODY_LIMIT_BYTES));
    if (!validation.ok) {
      throw new ProblemError(400, `The event can't be accepted: ${describeFieldErrors(validation.errors)}.`, {
        errors: validation.errors,
      });
    }
    await enqueueEvent(toEventJob(validation.event));
    response.status(202).json({ success: true });
  };
}
