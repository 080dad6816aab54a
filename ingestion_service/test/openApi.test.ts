import { createValidators } from '@analytics/local-stack/testing/answerValidator';
import {
  expectSameRoutes,
  expectValidExamples,
  expectValidOpenApi,
} from '@analytics/local-stack/testing/expectCompleteOpenApi';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import type { OpenApiDocument } from '@analytics/shared/http/openapi/openApiDocument';
import request from 'supertest';
import { expect, test } from 'vitest';
import { startApp } from './startApp.ts';

const { app } = await startApp(useTestStack());
const document = (await request(app).get('/openapi.json')).body as OpenApiDocument;

test('the document is valid by the schema of OpenAPI 3.1', () => expectValidOpenApi(document));

test('the document has exactly the routes of the service', () => expectSameRoutes(document, app));

test('every example of the document is valid by the schema beside it', () => expectValidExamples(document));

test('the document has the version of the service', () => {
  expect(document.info.version).toBe('1.2.3-test');
});

const validateEvent = createValidators(document)('components', 'schemas', 'Event');
const event = { site_id: 's', event_type: 'page_view', path: '/', timestamp: '2025-11-12T19:30:01Z' };

const ACCEPTED: object[] = [
  event,
  { ...event, user_id: null, referrer: null, properties: null },
  { ...event, referrer: 'no URL', properties: { 'a-b_1': 1.5, b: '', c: false } },
  ...['20251112T193001Z', '2025-W46-3t19:30:01z', '2025-316 19:30,5+05', '2025-11-12T19Z'].map(
    (timestamp) => ({
      ...event,
      timestamp,
    }),
  ),
];

test.each(ACCEPTED)('the document allows the accepted event %j', async (body) => {
  expect([(await request(app).post('/event').send(body)).status, validateEvent(body)]).toEqual([
    202,
    undefined,
  ]);
});

const REFUSED: object[] = [
  { ...event, site_id: '' },
  { ...event, site_id: 's'.repeat(129) },
  { ...event, path: 'a\0b' },
  { ...event, path: undefined },
  { ...event, day: 1 },
  { ...event, timestamp: '2025-11-12T19:30:01' },
  { ...event, timestamp: `2025-11-12T19:30:01.${'1'.repeat(20)}Z` },
  { ...event, properties: { '': 1 } },
  { ...event, properties: { _bsontype: 1 } },
  { ...event, properties: { a: 2 ** 53 } },
  { ...event, properties: { a: {} } },
  { ...event, properties: Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`k${index}`, 1])) },
];

test.each(REFUSED)('the document does not allow the refused event %j', async (body) => {
  expect((await request(app).post('/event').send(body)).status).toBe(400);
  expect(validateEvent(JSON.parse(JSON.stringify(body)))).toBeDefined();
});
