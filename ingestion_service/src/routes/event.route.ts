import { describedBatchSchema, eventInputSchema } from '@analytics/shared/event/event';
import type { ServedRoute } from '@analytics/shared/http/openapi/apiRoute';
import {
  BATCH_LIMIT_BYTES,
  EVENT_LIMIT_BYTES,
  type EventController,
} from '../controllers/eventController.ts';
import { batchQuerySchema } from '../utils/readBatchQuery.ts';
import { batchAnswer, eventAnswer } from './answers.ts';
import { answerPreflight } from './cors.ts';

const TAG = 'Events';

/** The problems of a route with a body of events. */
const PROBLEMS = [401, 403, 413, 415, 429, 503] as const;

const KEYS = ['bearer', 'apiKey', 'writeKey'] as const;

const VIEW = {
  site_id: 'site-abc-123',
  event_type: 'page_view',
  path: '/pricing',
  user_id: 'user-xyz-789',
  timestamp: '2025-11-12T19:30:01Z',
};

const ORDER = {
  ...VIEW,
  event_type: 'order',
  event_id: 'order-4711',
  referrer: 'https://news.example/article',
  properties: { plan: 'pro', amount: 49.5, is_first: true },
};

function describeBody(what: string, limitBytes: number): string {
  return `${what}, as JSON in UTF-8. At most ${limitBytes / 1024} KiB after decompression: the \`Content-Encoding\` may be gzip, deflate or br. The \`Content-Type\` may also be text/plain, which needs no preflight.`;
}

/** Lists the routes of events. */
export function createEventRoutes({ postEvent, postEvents }: EventController): ServedRoute[] {
  return [
    {
      method: 'post',
      path: '/event',
      operationId: 'postEvent',
      tag: TAG,
      summary: 'Send an event',
      description:
        'Queues one event. A 202 is durable: Redis has the event, and a worker stores it once. To send an event again after an error or a timeout, use the same `event_id`. With API keys, the key is in the header `Authorization` or `X-Api-Key`, in the parameter `key`, or in the field `key` of the body. Other parameters are ignored.',
      body: {
        description: describeBody('An event', EVENT_LIMIT_BYTES),
        schema: eventInputSchema,
        examples: { view: VIEW, order: ORDER },
      },
      answers: {
        202: {
          description: 'The event is queued.',
          schema: eventAnswer,
          examples: { accepted: { success: true } },
        },
      },
      keys: KEYS,
      problems: PROBLEMS,
      handler: postEvent,
      preflight: answerPreflight,
    },
    {
      method: 'post',
      path: '/events',
      operationId: 'postEvents',
      tag: TAG,
      summary: 'Send up to 500 events',
      description:
        'Queues all events as one job. If one event is invalid, nothing is queued, and the 400 names every invalid event by its index: `events.1.path`. With `partial=true` the valid events are queued together and the others are listed.',
      parameters: batchQuerySchema,
      body: {
        description: describeBody('The events', BATCH_LIMIT_BYTES),
        schema: describedBatchSchema,
        examples: { batch: { events: [VIEW, ORDER] } },
      },
      answers: {
        202: {
          description: 'The events are queued.',
          schema: batchAnswer,
          examples: {
            all: { success: true, accepted: 2 },
            partial: {
              success: true,
              accepted: 1,
              rejected: [{ index: 1, errors: [{ field: 'path', message: 'is required' }] }],
            },
          },
        },
      },
      keys: KEYS,
      problems: PROBLEMS,
      handler: postEvents,
      preflight: answerPreflight,
    },
  ];
}
