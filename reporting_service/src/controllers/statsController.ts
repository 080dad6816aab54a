import { ProblemError, toFieldErrors } from '@analytics/shared/http/problem';
import type { RequestHandler, Response } from 'express';
import type { z } from 'zod';
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

/** A report, its URL and the schemas of its parameters and its answer. */
export interface ReportRoute<Parameters, Query extends ReportQuery<Parameters>, Answer extends object> {
  path: StatsPath;
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
  answerReport: AnswerReport;
  /** Called after each answer with a report. */
  onReported: (report: ReportedAnswer) => void;
  /** Milliseconds since 1970. */
  now: () => number;
}

/** Answers a route with 200 and its report, or with a 400 that names every parameter at fault. */
export function createReportHandler<Parameters, Query extends ReportQuery<Parameters>, Answer extends object>(
  { path, parameters, resolve, read }: ReportRoute<Parameters, Query, Answer>,
  { answerReport, onReported, now }: ReportHandlerDeps,
): RequestHandler {
  const memoize = createPerSecondMemo<{ query: Query; asked: ReportRequest }>(now);
  return async function getReport(request, response) {
    const startedMs = performance.now();
    const { query, asked } = memoize(request.url, (nowMs) => {
      const resolved = resolve(parse(parameters, request.query), nowMs);
      return { query: resolved, asked: createReportRequest(path, resolved) };
    });
    const readReport = (context: ReportContext) => read(query, context);
    const answer = await answerReport(asked, readReport, () => watchClient(response));
    send(response, answer);
    onReported({ route: path, source: answer.source, tookMs: performance.now() - startedMs });
  };
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
