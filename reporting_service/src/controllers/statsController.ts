import { describeFieldErrors, ProblemError, toFieldErrors } from '@analytics/shared/problem';
import {
  breakdownQuerySchema,
  compareQuerySchema,
  realtimeQuerySchema,
  statsQuerySchema,
  timeseriesQuerySchema,
} from '@analytics/shared/stats';
import type { RequestHandler, Response } from 'express';
import type { z } from 'zod';
import type { AnswerReport, ReportBody } from '../cache/reportCache.ts';
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
    const read = reports[route] as (query: z.output<Schema>) => Promise<object>;
    return async function getReport(request, response) {
      const parsed = schema.safeParse(request.query);
      if (!parsed.success) {
        const errors = toFieldErrors(parsed.error, 'query');
        throw new ProblemError(400, `The query can't be answered: ${describeFieldErrors(errors)}.`, {
          errors,
        });
      }
      const query = parsed.data;
      const { site_id } = query;
      const asked = { route, site_id, query, span: findSpan(query, now()) };
      send(response, await answerReport(asked, () => read(query)));
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

/** Writes the answer without Express's `json`, which would look for a charset and an ETag each time. */
function send(response: Response, { body, ageSeconds }: ReportBody): void {
  response.writeHead(200, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    ...(ageSeconds !== undefined && { Age: ageSeconds }),
  });
  response.end(body);
}
