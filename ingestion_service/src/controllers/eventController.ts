import { type EventInput, type EventJob, toEventJob } from '@analytics/shared/event';
import { describeFieldErrors, type FieldError, ProblemError } from '@analytics/shared/problem';
import type { RequestHandler, Response } from 'express';
import { readJsonBody } from '../utils/readJsonBody.ts';
import type { EventValidator } from '../utils/validateEvent.ts';

const EVENT_LIMIT_BYTES = 64 * 1024;
const BATCH_LIMIT_BYTES = 512 * 1024;

export interface EventControllerDeps {
  validator: EventValidator;
  /** Resolves once the queue has the events for good, all of them. */
  enqueueEvents: (events: readonly EventJob[]) => Promise<void>;
}

export interface EventController {
  /** Answers `POST /event`: 202 once the event is queued, 400 with every field at fault if it can't be. */
  postEvent: RequestHandler;
  /** Answers `POST /events`: 202 once all are queued together, 400 with every event at fault if one can't be. */
  postEvents: RequestHandler;
}

export function createEventController({ validator, enqueueEvents }: EventControllerDeps): EventController {
  return {
    postEvent: async (request, response) => {
      const validation = validator.validateEvent(await readJsonBody(request, EVENT_LIMIT_BYTES));
      if (!validation.ok) {
        throw createRefusal('The event', validation.errors);
      }
      await enqueueEvents([toEventJob(validation.event)]);
      accept(response, EVENT_ACCEPTED);
    },
    postEvents: async (request, response) => {
      const validation = validator.validateEvents(await readJsonBody(request, BATCH_LIMIT_BYTES));
      if (!validation.ok) {
        throw createRefusal('The batch', validation.errors);
      }
      const events: EventInput[] = validation.events;
      await enqueueEvents(events.map(toEventJob));
      accept(response, `{"success":true,"accepted":${events.length}}`);
    },
  };
}

function createRefusal(subject: string, errors: FieldError[]): ProblemError {
  return new ProblemError(400, `${subject} can't be accepted: ${describeFieldErrors(errors)}.`, { errors });
}

const EVENT_ACCEPTED = '{"success":true}';

/**
 * Writes the answer without Express's `json`, which would look for a charset, an ETag and a fresh copy each time. A short
 * text goes to the socket in one piece with its headers; a Buffer would be a second one.
 */
function accept(response: Response, body: string): void {
  response.writeHead(202, createAcceptedHeaders(body.length));
  response.end(body);
}

function createAcceptedHeaders(length: number) {
  return { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': length };
}
