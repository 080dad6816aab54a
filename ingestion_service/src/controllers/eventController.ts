import { type EventJob, toEventJob } from '@analytics/shared/event/event';
import {
  describeFieldErrors,
  type FieldError,
  type OnRefused,
  ProblemError,
} from '@analytics/shared/http/problem';
import type { RequestHandler, Response } from 'express';
import { readBatchQuery } from '../utils/readBatchQuery.ts';
import type { ReadJsonBody } from '../utils/readJsonBody.ts';
import { refuseEvents } from '../utils/refusal.ts';
import type { EventValidator, RejectedEvent } from '../utils/validateEvent.ts';

const EVENT_LIMIT_BYTES = 64 * 1024;
const BATCH_LIMIT_BYTES = 512 * 1024;

export interface EventControllerDeps {
  readJsonBody: ReadJsonBody;
  validator: EventValidator;
  /** Resolves once Redis has acknowledged the job of all events. */
  enqueueEvents: (events: readonly EventJob[]) => Promise<void>;
  /** Called after each 202, with the time since the headers of its request arrived (ms). */
  onAcknowledged: (tookMs: number) => void;
  /** Called for events that are refused although their request gets a 202. */
  onRefused: OnRefused;
}

export interface EventController {
  /** Answers `POST /event`: 202 once the event is queued, 400 that names every invalid field. */
  postEvent: RequestHandler;
  /**
   * Answers `POST /events`: 202 once all events are queued together, or 400 that names every invalid event.
   * With `?partial=true`: 202 once the valid events are queued together, with the others listed; 400 if none
   * is valid.
   */
  postEvents: RequestHandler;
}

export function createEventController({
  readJsonBody,
  validator,
  enqueueEvents,
  onAcknowledged,
  onRefused,
}: EventControllerDeps): EventController {
  return {
    postEvent: async (request, response) => {
      const startedMs = performance.now();
      const validation = validator.validateEvent(await readJsonBody(request, EVENT_LIMIT_BYTES));
      if (!validation.ok) {
        throw createRefusal('The event', validation.errors, 1);
      }
      await enqueueEvents([toEventJob(validation.event)]);
      accept(response, EVENT_ACCEPTED);
      onAcknowledged(performance.now() - startedMs);
    },
    postEvents: async (request, response) => {
      const startedMs = performance.now();
      const body = await readJsonBody(request, BATCH_LIMIT_BYTES);
      const { isPartial } = readBatchQuery(request);
      const validation = validator.validateEvents(body);
      if (!validation.ok) {
        throw createRefusal('The batch', validation.errors, 1);
      }
      const { events, rejected } = validation;
      if (rejected.length > 0 && (!isPartial || events.length === 0)) {
        const errors = rejected.flatMap(nameFieldsByIndex);
        throw createRefusal('The batch', errors, events.length + rejected.length);
      }
      await enqueueEvents(events.map((event) => toEventJob(event)));
      const answer = { success: true, accepted: events.length };
      accept(response, JSON.stringify(isPartial ? { ...answer, rejected: listRejected(rejected) } : answer));
      onAcknowledged(performance.now() - startedMs);
      if (rejected.length > 0) {
        onRefused(refuseEvents('invalid', rejected.length).refusal);
      }
    },
  };
}

function createRefusal(subject: string, errors: FieldError[], eventCount: number): ProblemError {
  const detail = `${subject} can't be accepted: ${describeFieldErrors(errors)}.`;
  return new ProblemError(400, detail, { errors, ...refuseEvents('invalid', eventCount) });
}

/** Names an event's fields as fields of the batch: `events.3.path`, or `events.3` for the whole event. */
function nameFieldsByIndex({ index, errors }: RejectedEvent): FieldError[] {
  return errors.map(({ field, message }) => ({
    field: field === '' ? `events.${index}` : `events.${index}.${field}`,
    message,
  }));
}

/** If many events are rejected, only the first error of each is listed: no answer exceeds 300 KB. */
const MANY_REJECTED_EVENTS = 100;

function listRejected(rejected: readonly RejectedEvent[]): RejectedEvent[] {
  const limit = rejected.length > MANY_REJECTED_EVENTS ? 1 : undefined;
  return rejected.map(({ index, errors }) => ({
    index,
    errors: errors.slice(0, limit).map(({ field, message }) => ({ field: field || 'event', message })),
  }));
}

const EVENT_ACCEPTED = '{"success":true}';

/**
 * Writes the answer without Express's `json`, which would compute a charset, an ETag and the freshness each
 * time. A short text is written to the socket together with the headers; a Buffer would be a second write.
 */
function accept(response: Response, body: string): void {
  response.writeHead(202, createAcceptedHeaders(Buffer.byteLength(body)));
  response.end(body);
}

function createAcceptedHeaders(length: number) {
  return { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': length };
}
