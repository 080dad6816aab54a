import { describeFieldErrors, ProblemError, toFieldErrors } from '@analytics/shared/http/problem';
import {
  breakdownQuerySchema,
  compareQuerySchema,
  realtimeQuerySchema,
  statsQuerySchema,
  timeseriesQuerySchema,
} from '@analytics/shared/statsQuery';
import type { RequestHandler, Response } from 'express';
import type { z } from 'zod';
import {
  type AnswerReport,
  createReportRequest,
  type ReportBody,
  type ReportRequest,
} from '../cache/reportCache.ts';
import { createSecondMemory } from '../cache/secondMemory.ts';
import type { ReportSource } from '../reportSource.ts';
import { findComparisonSpan, findReportSpan } from '../reports/reportSpan.ts';
import type { Reports } from '../reports/reports.ts';
import type { Span } from '../timeRange.ts';

export interface StatsControllerDeps {
  reports: Reports;
  answerReport: AnswerReport;
  /** Milliseconds since 1970. */
  now: () => number;
}

/** What answers each route below `/stats`: 200 with a report, 400 with every parameter at fault. */
export type StatsController = Record<keyof Reports, RequestHandler>;

export function createStatsController({ reports, answerReport, now }: StatsControllerDeps): StatsController {
  function createHandler<Schema extends z.ZodType<{ site_id: string }>>(
    route: keyof Reports,
    schema: Schema,
    findSpan: (query: z.output<Schema>, nowMs: number) => Span | undefined | null,
  ): RequestHandler {
    const read = reports[route] as (query: z.output<Schema>, source: ReportSource) => Promise<object>;
    const understand = createSecondMemory<Question<z.output<Schema>>>(now);

    return async function getReport(request, response) {
      const { query, asked } = understand(request.url, (nowMs) => {
        const query = parseQuery(schema, request.query);
        return { query, asked: createReportRequest(route, query, findSpan(query, nowMs)) };
      });
      const makeReport = (source: ReportSource) => read(query, source);
      send(response, await answerReport(asked, makeReport, () => watchClient(response)));
    };
  }

  return {
    readSiteStats: createHandler('readSiteStats', statsQuerySchema, findReportSpan),
    readTimeseries: createHandler('readTimeseries', timeseriesQuerySchema, findReportSpan),
    readBreakdown: createHandler('readBreakdown', breakdownQuerySchema, findReportSpan),
    readComparison: createHandler('readComparison', compareQuerySchema, findComparisonSpan),
    readRealtime: createHandler('readRealtime', realtimeQuerySchema, () => null),
  };
}

/** What a URL asks for. */
interface Question<Query> {
  query: Query;
  asked: ReportRequest;
}

/** @throws ProblemError 400 with every parameter at fault. */
function parseQuery<Schema extends z.ZodType>(schema: Schema, parameters: unknown): z.output<Schema> {
  const parsed = schema.safeParse(parameters);
  if (!parsed.success) {
    const errors = toFieldErrors(parsed.error, 'query');
    throw new ProblemError(400, `The query can't be answered: ${describeFieldErrors(errors)}.`, { errors });
  }
  return parsed.data;
}

/** Makes a signal that aborts when the client leaves, or has left, without its answer. */
function watchClient(response: Response): AbortSignal {
  const leaving = new AbortController();
  const leave = () => {
    if (!response.writableFinished) {
      leaving.abort(createGoneError());
    }
  };
  if (response.destroyed) {
    leave();
  } else {
    response.once('close', leave);
  }
  return leaving.signal;
}

/** The reason of an abort. It reaches no client, because the connection is closed. */
function createGoneError(): ProblemError {
  return new ProblemError(499, 'The client has closed the connection.');
}

/** Writes the answer without Express's `json`, which would look for a charset and an ETag each time. */
function send(response: Response, { body, ageSeconds }: ReportBody): void {
  response.writeHead(200, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': body.byteLength,
    'Cache-Control': 'no-store',
    ...(ageSeconds !== undefined && { Age: ageSeconds }),
  });
  response.end(body);
}
