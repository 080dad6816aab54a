import type { Express, RequestHandler } from 'express';
import type { z } from 'zod';
import { createMethodNotAllowedHandler } from '../problem.ts';
import type { ProblemStatus } from './problemAnswers.ts';
import type { SecuritySchemeName } from './securitySchemes.ts';

/** A content of an answer, by its media type. */
export interface ApiContent {
  mediaType?: string | string[];
  /** Absent for contents that only their media type describes, such as style sheets. */
  schema?: z.ZodType;
  /** Examples by name; a test validates each against the schema. */
  examples?: Record<string, unknown>;
}

/** An answer that is not a problem. */
export interface ApiAnswer extends ApiContent {
  description: string;
  /** What each header says that every such answer has. */
  requiredHeaders?: Record<string, string>;
  /** What each header says that some such answers have. */
  headers?: Record<string, string>;
}

/** The body of a request. */
interface ApiBody extends ApiContent {
  schema: z.ZodType;
  /** Limits and encodings, which the schema does not say. */
  description: string;
}

/** A route of an HTTP service, with everything that the OpenAPI document says of it. */
export interface ApiRoute {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** As OpenAPI writes it: `/sites/{id}`. */
  path: string;
  /** Unique among the routes of a service: generated clients name their functions after it. */
  operationId: string;
  /** The group of the route in the document. */
  tag: string;
  summary: string;
  description: string;
  pathParameters?: z.ZodObject;
  /** The parameters of the query. */
  parameters?: z.ZodType;
  body?: ApiBody;
  /** The places where the route looks for a key, by their names in `SECURITY_SCHEMES`. */
  keys?: readonly SecuritySchemeName[];
  /** Whether it needs a key with `AUTH_MODE=open`, too. */
  alwaysNeedsKey?: boolean;
  /** The answers by status, except problems. */
  answers: Record<number, ApiAnswer>;
  /** The statuses of problems that this route answers with, besides those of every route. */
  problems?: readonly ProblemStatus[];
}

/** A route with the function that answers it. */
export interface ServedRoute extends ApiRoute {
  handler: RequestHandler;
  /** Answers OPTIONS. Pages of other origins may call the route. */
  preflight?: RequestHandler;
}

/**
 * Adds routes to the app itself: a router of their own would be a second search for each request. Other
 * methods of their paths get a 405.
 */
export function addRoutes(app: Express, routes: readonly ServedRoute[]): void {
  for (const path of new Set(routes.map((route) => route.path))) {
    const methods = routes.filter((route) => route.path === path);
    const route = app.route(toExpressPath(path));
    for (const { method, handler } of methods) {
      route[method](handler);
    }
    const preflight = methods.find((each) => each.preflight)?.preflight;
    if (preflight) {
      route.options(preflight);
    }
    route.all(createMethodNotAllowedHandler(listMethods(methods)));
  }
}

/** The value of the header `Allow`. Express answers HEAD like GET. */
function listMethods(routes: readonly ServedRoute[]): string {
  const methods = routes.flatMap(({ method }) =>
    method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()],
  );
  return [...methods, ...(routes.some(({ preflight }) => preflight) ? ['OPTIONS'] : [])].join(', ');
}

function toExpressPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}
