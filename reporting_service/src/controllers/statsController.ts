import { ProblemError, toFieldErrors } from '@analytics/shared/http/problem';
import type { Request, RequestHandler, Response } from 'express';
import type { z } from 'zod';
import type { ReadAccess, Reader } from '../access/readAccess.ts';
import type { CheckReadLimit } from '../access/readLimits.ts';
import { createPerSecondMemo } from '../cache/memoizePerSecond.ts';
import {
  type AnswerReport,
  createReportRequest,
  type ReportBody,
  type ReportRequest,
} from '../cache/reportCache.ts';
import type { ReportContext } from '../database/reportContext.ts';
import { createQueryError, type ReportQuery } from '../query/reportQuery.ts';
import type { StatsPath } from '../query/statsPaths.ts';

/** A report, its URL, the schemas of its parameters and its answer, and its text in the OpenAPI document. */
export interface ReportRoute<Parameters, Query extends ReportQuery<Parameters>, Answer extends object> {
  path: StatsPath;
  operationId: string;
  summary: string;
  description: string;
  example: Answer;
  parameters: z.ZodType<Parameters>;
  answer: z.ZodType<Answer>;
  /** Resolves the parameters once. `nowMs` (milliseconds since 1970) decides what today is. */
  resolve: (parameters: Parameters, nowMs: number) => Query;
  read: (query: Query, context: ReportContext) => Promise<Answer>;
}

/** An answer, for the metrics. */
export interface ReportedAnswer {
  route: StatsPath;
  source: ReportBody['source'];
  /** The time since the request arrived (ms). */
  tookMs: number;
}

export interface ReportHandlerDeps {
  access: Pick<ReadAccess, 'identify' | 'resolveSite'>;
  checkLimit?: CheckReadLimit;
  answerReport: AnswerReport;
  /** Called after each answer with a report. */
  onReported: (report: ReportedAnswer) => void;
  /** Milliseconds since 1970. */
  now: () => number;
}

/** Answers a route with 200 and its report, or with a 400 that names every parameter at fault. */
export function createReportHandler<Parameters, Query extends ReportQuery<Parameters>, Answer extends object>(
  { path, parameters, resolve, read }: ReportRoute<Parameters, Query, Answer>,
  { access, checkLimit, answerReport, onReported, now }: ReportHandlerDeps,
): RequestHandler {
  const memoize = createPerSecondMemo<{ query: Query; asked: ReportRequest }>(now);
  const prepare = (query: Query) => ({ query, asked: createReportRequest(path, query) });
  return async function getReport(request, response) {
    const startedMs = performance.now();
    const reader = checkLimit
      ? await identifyWithinLimit(request, access, checkLimit)
      : access.identify(request.headers, readShareToken(request));
    const named = memoize(request.url, (nowMs) => {
      const { share: _, ...asked } = request.query;
      return prepare(resolve(parse(parameters, asked), nowMs));
    });
    const site_id = access.resolveSite(reader, named.query.site_id);
    const { query, asked } =
      site_id === named.query.site_id ? named : prepare(renameSite(named.query, site_id));
    const readReport = (context: ReportContext) => read(query, context);
    const answer = await answerReport(asked, readReport, () => watchClient(response));
    send(response, answer);
    onReported({ route: path, source: answer.source, tookMs: performance.now() - startedMs });
  };
}

/**
 * Identifies the reader. A request whose key is refused counts for its address, so that keys cannot be
 * guessed.
 */
async function identifyWithinLimit(
  request: Request,
  access: Pick<ReadAccess, 'identify'>,
  checkLimit: NonNullable<CheckReadLimit>,
): Promise<Reader> {
  let reader: Reader;
  try {
    reader = access.identify(request.headers, readShareToken(request));
  } catch (error) {
    await checkLimit(request);
    throw error;
  }
  await checkLimit(request, reader.key?.hash);
  return reader;
}

/** Express parses the query at each access to it. */
function readShareToken(request: Request): unknown {
  return request.url.includes('share=') ? request.query['share'] : undefined;
}

/** The same query of the site under its id instead of an alias. */
function renameSite<Query extends ReportQuery>(query: Query, site_id: string): Query {
  return { ...query, site_id, parameters: { ...(query.parameters as object), site_id } };
}

/** @throws ProblemError 400 that names every parameter at fault. */
function parse<Parameters>(schema: z.ZodType<Parameters>, values: unknown): Parameters {
  const parsed = schema.safeParse(values);
  if (!parsed.success) {
    throw createQueryError(toFieldErrors(parsed.error, 'query'));
  }
  return parsed.data;
}

/** Creates a signal that aborts when the client closes the connection without its answer. */
function watchClient(response: Response): AbortSignal {
  const leaving = new AbortController();
  const leave = () => {
    if (!response.writableFinished) {
      leaving.abort(new ProblemError(499, 'The client has closed the connection.'));
    }
  };
  if (response.destroyed) {
    leave();
  } else {
    response.once('close', leave);
  }
  return leaving.signal;
}

/** Writes the answer without Express's `json`, which would compute a charset and an ETag each time. */
function send(response: Response, { body, ageSeconds }: ReportBody): void {
  response.writeHead(200, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': body.byteLength,
    'Cache-Control': 'no-store',
    ...(ageSeconds !== undefined && { Age: ageSeconds }),
  });
  response.end(body);
}
