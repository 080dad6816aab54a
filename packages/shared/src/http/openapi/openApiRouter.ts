import { createHash } from 'node:crypto';
import type { Express, RequestHandler } from 'express';
import { z } from 'zod';
import { type ApiRoute, addRoutes, type ServedRoute } from './apiRoute.ts';
import { dependencySchema, HEALTH_ROUTES, HEALTH_TAG } from './healthRoutes.ts';
import { type ApiDescription, createOpenApiDocument } from './openApiDocument.ts';

const TAG = 'Description';

const COMMON_TAGS = {
  [HEALTH_TAG]: 'For supervisors and load balancers.',
  [TAG]: 'This interface, for programs and for people.',
};

/** What a service says of its interface besides its routes and its version. */
export type ServiceDescription = Omit<ApiDescription, 'routes' | 'version'>;

export interface OpenApiOptions extends ServiceDescription {
  version: string;
}

/** Adds the routes of a service, and `GET /openapi.json`, which describes them and the health routes. */
export function addDescribedRoutes(
  app: Express,
  routes: readonly ServedRoute[],
  { version, tags, schemas, ...options }: OpenApiOptions,
): void {
  const described: ApiRoute[] = [...routes, ...HEALTH_ROUTES];
  const openApiRoute: ServedRoute = {
    ...OPENAPI_ROUTE,
    handler: createTextHandler('application/json', () =>
      JSON.stringify(
        createOpenApiDocument({
          ...options,
          version,
          tags: { ...tags, ...COMMON_TAGS },
          schemas: { ...schemas, Dependency: dependencySchema },
          routes: [...described, openApiRoute],
        }),
      ),
    ),
  };
  addRoutes(app, [...routes, openApiRoute]);
}

const OPENAPI_ROUTE: ApiRoute = {
  method: 'get',
  path: '/openapi.json',
  operationId: 'getOpenApi',
  tag: TAG,
  summary: 'This document',
  description: 'The OpenAPI 3.1 document of this service.',
  answers: {
    200: {
      description: 'An OpenAPI 3.1 document.',
      headers: { ETag: 'Changes with the document.' },
      schema: z.looseObject({ openapi: z.string() }),
    },
    304: { description: 'The document has the ETag of `If-None-Match`.' },
  },
};

/** Serves a text that is built at the first request. Clients ask each time whether it has changed. */
function createTextHandler(mediaType: string, build: () => string): RequestHandler {
  let built: { body: Buffer; etag: string } | undefined;
  return (_request, response) => {
    built ??= withETag(Buffer.from(build()));
    // Express answers 304 if the client has this ETag.
    response.set({ 'Cache-Control': 'no-cache', ETag: built.etag }).type(mediaType).send(built.body);
  };
}

function withETag(body: Buffer): { body: Buffer; etag: string } {
  return { body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` };
}
