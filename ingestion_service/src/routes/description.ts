import { eventInputSchema } from '@analytics/shared/event/event';
import type { ServiceDescription } from '@analytics/shared/http/openapi/openApiRouter';
import { batchAnswer } from './answers.ts';

/** What the OpenAPI document says of the service besides its routes. */
export const DESCRIPTION: ServiceDescription = {
  title: 'Analytics: ingestion',
  description:
    'Accepts events. Every accepted event is stored exactly once.\n\nEvery error is an `application/problem+json` (RFC 9457), also the 404 of an unknown route.',
  tags: { Events: 'What happened on a site.' },
  schemas: { Event: eventInputSchema, BatchAnswer: batchAnswer },
};
