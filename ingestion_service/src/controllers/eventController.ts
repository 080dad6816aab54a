import { type EventInput, type EventJob, toEventJob } from '@analytics/shared/event/event';
import {
  describeFieldErrors,
  type FieldError,
  type OnRefused,
  ProblemError,
} from '@analytics/shared/http/problem';
import type { RequestHandler, Response } from 'express';
import type { WriteAccess, Writer } from '../access/writeAccess.ts';
import type { WriteLimits } from '../access/writeLimits.ts';
import { readBatchQuery } from '../utils/readBatchQuery.ts';
import type { ReadJsonBody } from '../utils/readJsonBody.ts';
import { refuseEvents } from '../utils/refusal.ts';
import type { EventValidator, RejectedEvent } from '../utils/validateEvent.ts';

export const EVENT_LIMIT_BYTES = 64 * 1024;
export const BATCH_LIMIT_BYTES = 512 * 1024;

export interface EventControllerDeps {
  access: WriteAccess;
  limits: WriteLimits;
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
  /**
   * Answers `POST /event`: 202 once the event is queued, 400 that names every invalid field, 401 or 403 if
   * the sender may not write it.
   */
  postEvent: RequestHandler;
  /**
   * Answers `POST /events`: 202 once all events are queued together, or 400 that names every invalid event.
   * With `?partial=true`: 202 once the valid events are queued together, with the others listed; 400 if none
   * is valid. 401 or 403 if the sender may not write one of the events.
   */
  postEvents: RequestHandler;
}

export function createEventController({
  access,
  limits,
  readJsonBody,
  validator,
  enqueueEvents,
  onAcknowledged,
  onRefused,
}: EventControllerDeps): EventController {
  /** The event under the id of its site, which it may name by an alias. */
  function toOwnSite(event: EventInput, writer: Writer): EventInput {
    const site_id = access.resolveSite(writer, event.site_id);
    return site_id === event.site_id ? event : { ...event, site_id };
  }

  function enqueue(writer: Writer, events: readonly EventJob[]): Promise<void> {
    const asking = limits.checkEvents(writer, events);
    return asking === undefined ? enqueueEvents(events) : asking.then(() => enqueueEvents(events));
  }

  return {
    postEvent: async (request, response) => {
      const startedMs = performance.now();
      // Waiting without a promise would cost time.
      const asking = limits.checkAddress(request);
      if (asking !== undefined) {
        await asking;
      }
      const writer = access.identify(request);
      const body = await readJsonBody(request, EVENT_LIMIT_BYTES);
      access.takeBodyKey(writer, body);
      const validation = validator.validateEvent(body);
      if (!validation.ok) {
        throw createRefusal('The event', validation.errors, 1);
      }
      await enqueue(writer, [toEventJob(toOwnSite(validation.event, writer))]);
      accept(response, EVENT_ACCEPTED);
      onAcknowledged(performance.now() - startedMs);
    },
    postEvents: async (request, response) => {
      const startedMs = performance.now();
      // Waiting without a promise would cost time.
      const asking = limits.checkAddress(request);
      if (asking !== undefined) {
        await asking;
      }
      const writer = access.identify(request);
      const body = await readJsonBody(request, BATCH_LIMIT_BYTES);
      access.takeBodyKey(writer, body);
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
      await enqueue(
        writer,
        events.map((event) => toEventJob(toOwnSite(event, writer))),
      );
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

/**
 * Written out, because a spread takes longer than the rest. A 202 has none of the headers that `CORS_HEADERS`
 * lets pages read.
 */
function createAcceptedHeaders(length: number) {
  return {
    'Access-Control-Allow-Origin': '*',
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': length,
  };
}
