import type { Express } from 'express';
import { z } from 'zod';
import { type ApiRoute, addRoutes, type ServedRoute } from './apiRoute.ts';
import { createDocsRoutes } from './docsRoutes.ts';
import { dependencySchema, HEALTH_ROUTES, HEALTH_TAG } from './healthRoutes.ts';
import { type ApiDescription, createOpenApiDocument, type OpenApiDocument } from './openApiDocument.ts';
import { createStaticHandler } from './staticContent.ts';

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

/**
 * Adds the routes of a service, and those that describe them and the health routes: `GET /openapi.json` and
 * `GET /docs`.
 */
export function addDescribedRoutes(
  app: Express,
  routes: readonly ServedRoute[],
  options: OpenApiOptions,
): void {
  const openApiRoute: ServedRoute = {
    ...OPENAPI_ROUTE,
    handler: createStaticHandler({
      mediaType: 'application/json',
      read: () => JSON.stringify(describeService(served, options)),
    }),
  };
  const served = [...routes, openApiRoute, ...createDocsRoutes({ title: options.title, tag: TAG })];
  addRoutes(app, served);
}

/** Describes the routes of a service and its health routes. */
export function describeService(
  routes: readonly ApiRoute[],
  { tags, schemas, ...options }: OpenApiOptions,
): OpenApiDocument {
  return createOpenApiDocument({
    ...options,
    tags: { ...tags, ...COMMON_TAGS },
    schemas: { ...schemas, Dependency: dependencySchema },
    routes: [...routes, ...HEALTH_ROUTES],
  });
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
      requiredHeaders: { ETag: 'Changes with the document.' },
      schema: z.looseObject({ openapi: z.string() }),
    },
    304: { description: 'The document has the ETag of `If-None-Match`.' },
  },
};
