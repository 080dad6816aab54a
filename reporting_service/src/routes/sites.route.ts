import type { ServedRoute } from '@analytics/shared/http/openapi/apiRoute';
import { ProblemError } from '@analytics/shared/http/problem';
import {
  keyInputSchema,
  keyQuerySchema,
  keySummarySchema,
  newKeySchema,
  siteChangesSchema,
  siteInputSchema,
  siteSchema,
} from '@analytics/sites/site';
import express, { type ErrorRequestHandler, type Express } from 'express';
import { z } from 'zod';
import type { SitesController } from '../controllers/sitesController.ts';

const BODY_LIMIT_BYTES = 64 * 1024;

const ADMIN = {
  tag: 'Sites and keys',
  keys: ['bearer', 'apiKey'],
  alwaysNeedsKey: true,
  problems: [401, 403, 503],
} as const;
const BODY_PROBLEMS = [...ADMIN.problems, 413, 415] as const;

const SITE = {
  id: 'site-abc-123',
  name: 'My shop',
  domains: ['example.com', '*.example.com'],
  aliases: [],
  retention_days: 365,
  created_at: '2025-11-12T19:30:01.000Z',
  updated_at: '2025-11-12T19:30:01.000Z',
};

const KEY = {
  id: '1f0c3a9b7d42',
  kind: 'read',
  site_id: 'site-abc-123',
  label: 'dashboard',
  created_at: '2025-11-12T19:30:01.000Z',
  expires_at: null,
  revoked_at: null,
  last_used_at: null,
};

const siteId = z.object({ id: z.string().min(1).describe('The id or an alias of a site.') });
const keyId = z.object({ id: z.string().min(1).describe('The id of a key in the list.') });

/** Lists the routes that administer sites and keys. Each needs an admin key. */
export function createSitesRoutes(controller: SitesController): ServedRoute[] {
  return [...createRoutesOfSites(controller), ...createRoutesOfKeys(controller)];
}

function createRoutesOfSites(controller: SitesController): ServedRoute[] {
  const one = { description: 'The site.', schema: siteSchema, examples: { site: SITE } };
  return [
    {
      ...ADMIN,
      method: 'get',
      path: '/api/sites',
      operationId: 'listSites',
      summary: 'List all sites',
      description: 'Lists all sites, by id.',
      answers: { 200: { description: 'All sites.', schema: z.strictObject({ sites: z.array(siteSchema) }) } },
      handler: controller.listSites,
    },
    {
      ...ADMIN,
      method: 'post',
      path: '/api/sites',
      operationId: 'addSite',
      summary: 'Add a site',
      description: 'Adds a site. Its id is the `site_id` of its events.',
      body: { description: 'The site.', schema: siteInputSchema },
      answers: { 201: one },
      problems: [...BODY_PROBLEMS, 409],
      handler: controller.addSite,
    },
    {
      ...ADMIN,
      method: 'get',
      path: '/api/sites/{id}',
      operationId: 'getSite',
      summary: 'Show a site',
      description: 'Finds a site by its id or an alias.',
      pathParameters: siteId,
      answers: { 200: one },
      problems: [...ADMIN.problems, 404],
      handler: controller.getSite,
    },
    {
      ...ADMIN,
      method: 'patch',
      path: '/api/sites/{id}',
      operationId: 'changeSite',
      summary: 'Change a site',
      description: 'Changes the given fields. A list replaces the former one.',
      pathParameters: siteId,
      body: { description: 'The changes.', schema: siteChangesSchema },
      answers: { 200: one },
      problems: [...BODY_PROBLEMS, 404, 409],
      handler: controller.changeSite,
    },
    {
      ...ADMIN,
      method: 'delete',
      path: '/api/sites/{id}',
      operationId: 'removeSite',
      summary: 'Remove a site',
      description: 'Removes a site and its keys. Its events stay.',
      pathParameters: siteId,
      answers: { 204: { description: 'The site is removed.' } },
      problems: [...ADMIN.problems, 404],
      handler: controller.removeSite,
    },
  ];
}

function createRoutesOfKeys(controller: SitesController): ServedRoute[] {
  return [
    {
      ...ADMIN,
      method: 'get',
      path: '/api/keys',
      operationId: 'listKeys',
      summary: 'List keys',
      description: 'Lists the keys of a site, or all, without their secrets. The newest are first.',
      parameters: keyQuerySchema,
      answers: {
        200: { description: 'The keys.', schema: z.strictObject({ keys: z.array(keySummarySchema) }) },
      },
      handler: controller.listKeys,
    },
    {
      ...ADMIN,
      method: 'post',
      path: '/api/keys',
      operationId: 'addKey',
      summary: 'Create a key',
      description: 'Creates a key. Only this answer has it: MongoDB and Redis have its SHA-256.',
      body: { description: 'The key.', schema: keyInputSchema },
      answers: {
        201: {
          description: 'The key.',
          schema: newKeySchema,
          examples: { key: { key: `ar_${'x'.repeat(43)}`, ...KEY } },
        },
      },
      problems: BODY_PROBLEMS,
      handler: controller.addKey,
    },
    {
      ...ADMIN,
      method: 'delete',
      path: '/api/keys/{id}',
      operationId: 'revokeKey',
      summary: 'Revoke a key',
      description: 'Makes a key invalid within ten seconds. It stays in the list.',
      pathParameters: keyId,
      answers: {
        200: {
          description: 'The revoked key.',
          schema: keySummarySchema,
          examples: { key: { ...KEY, revoked_at: KEY.created_at } },
        },
      },
      problems: [...ADMIN.problems, 404],
      handler: controller.revokeKey,
    },
  ];
}

/** Reads the bodies of the routes that administer sites and keys. */
export function parseJsonBodies(app: Express): void {
  // Compressed bodies are refused: a few bytes of Brotli can make the decoder take 16 MiB.
  const readJson = express.json({ limit: BODY_LIMIT_BYTES, inflate: false });
  app.use('/api', readJson, explainBodyError);
}

/** body-parser's errors have a status and a message of their own. */
const explainBodyError: ErrorRequestHandler = (error, _request, _response, next) => {
  const { status, type } = error as { status?: number; type?: string };
  if (error instanceof ProblemError || status === undefined || status >= 500) {
    next(error);
  } else if (type === 'entity.too.large') {
    next(new ProblemError(413, `The body must have at most ${BODY_LIMIT_BYTES} bytes, uncompressed.`));
  } else if (status === 415) {
    next(new ProblemError(415, 'The body must be JSON in UTF-8, uncompressed.', { cause: error }));
  } else {
    next(new ProblemError(status, 'The body must be valid JSON.', { cause: error }));
  }
};
