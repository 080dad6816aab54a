import {
  createUnavailableError,
  describeFieldErrors,
  ProblemError,
  toFieldErrors,
} from '@analytics/shared/http/problem';
import type { DependencyWatch } from '@analytics/shared/service/dependencyWatch';
import type { KeyStore } from '@analytics/sites/keyStore';
import { type KeyInput, keyQuerySchema, type SiteChanges, type SiteInput } from '@analytics/sites/site';
import { NameTakenError, type SiteStore } from '@analytics/sites/siteStore';
import type { Request, RequestHandler, Response } from 'express';
import { z } from 'zod';
import type { ReadAccess } from '../access/readAccess.ts';

export interface SitesControllerDeps {
  access: Pick<ReadAccess, 'requireAdmin'>;
  sites: SiteStore;
  keys: KeyStore;
  mongoWatch: Pick<DependencyWatch, 'isUp' | 'whileUp'>;
}

/** Answers the routes below `/api`. Every route requires an admin key, whatever `AUTH_MODE` is. */
export type SitesController = Record<
  'listSites' | 'addSite' | 'getSite' | 'changeSite' | 'removeSite' | 'listKeys' | 'addKey' | 'revokeKey',
  RequestHandler
>;

type Work = (request: Request, response: Response) => Promise<{ status?: number; body?: object }>;

export function createSitesController({
  access,
  sites,
  keys,
  mongoWatch,
}: SitesControllerDeps): SitesController {
  const handle = (work: Work): RequestHandler => {
    return async (request, response) => {
      access.requireAdmin(request.headers);
      const { status = 200, body } = await mongoWatch
        .whileUp(() => work(request, response))
        .catch((error: unknown) => {
          throw toProblem(error, mongoWatch.isUp);
        });
      response.status(status).set('Cache-Control', 'no-store');
      if (body) {
        response.json(body);
      } else {
        response.end();
      }
    };
  };

  return {
    listSites: handle(async () => ({ body: { sites: await sites.list() } })),
    addSite: handle(async ({ body }) => ({ status: 201, body: await sites.add(body as SiteInput) })),
    getSite: handle(async (request) => ({ body: requireFound(await sites.find(readId(request)), 'site') })),
    changeSite: handle(async (request) => {
      const site = await sites.change(readId(request), request.body as SiteChanges);
      return { body: requireFound(site, 'site') };
    }),
    removeSite: handle(async (request) => {
      requireFound((await sites.remove(readId(request))) || undefined, 'site');
      return { status: 204 };
    }),
    listKeys: handle(async ({ query }) => {
      const { site_id } = keyQuerySchema.parse(query);
      return { body: { keys: await keys.list(site_id) } };
    }),
    addKey: handle(async ({ body }) => {
      const input = body as KeyInput;
      const { key, summary } = await keys.add(input);
      return { status: 201, body: { key, ...summary } };
    }),
    revokeKey: handle(async (request) => ({
      body: requireFound(await keys.revoke(readId(request)), 'key'),
    })),
  };
}

function readId({ params }: Request): string {
  return String(params['id']);
}

function requireFound<Found>(found: Found | undefined, name: string): Found {
  if (found === undefined) {
    throw new ProblemError(404, `There is no such ${name}.`);
  }
  return found;
}

function toProblem(error: unknown, isMongoUp: boolean): unknown {
  if (error instanceof z.ZodError) {
    const errors = toFieldErrors(error, 'body');
    return new ProblemError(400, `The request can't be understood: ${describeFieldErrors(errors)}.`, {
      errors,
    });
  }
  if (error instanceof NameTakenError) {
    return new ProblemError(409, error.message);
  }
  if (error instanceof ProblemError || isMongoUp) {
    return error;
  }
  return createUnavailableError('MongoDB is away. Try again.', { cause: error });
}
