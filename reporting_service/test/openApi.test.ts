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
