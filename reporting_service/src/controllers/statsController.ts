import { describeFieldErrors, ProblemError, toFieldErrors } from '@analytics/shared/problem';
import {
  breakdownQuerySchema,
  compareQuerySchema,
  realtimeQuerySchema,
  statsQuerySchema,
  timeseriesQuerySchema,
} from '@analytics/shared/stats';
import type { RequestHandler } from 'express';
import type { z } from 'zod';
import type { Reports } from '../reports/reports.ts';

export interface StatsControllerDeps {
  reports: Reports;
}

/** What answers each route below `/stats`: 200 with a report, 400 with every parameter at fault. */
export type StatsController = Record<keyof Reports, RequestHandler>;

export function createStatsController({ reports }: StatsControllerDeps): StatsController {
  return {
    readSiteStats: createHandler(statsQuerySchema, reports.readSiteStats),
    readTimeseries: createHandler(timeseriesQuerySchema, reports.readTimeseries),
    readBreakdown: createHandler(breakdownQuerySchema, reports.readBreakdown),
    readComparison: createHandler(compareQuerySchema, reports.readComparison),
    readRealtime: createHandler(realtimeQuerySchema, reports.readRealtime),
  };
}

function createHandler<Schema extends z.ZodType>(
  schema: Schema,
  read: (query: z.output<Schema>) => Promise<unknown>,
): RequestHandler {
  return async function getReport(request, response) {
    const query = schema.safeParse(request.query);
    if (!query.success) {
      const errors = toFieldErrors(query.error, 'query');
      throw new ProblemError(400, `The query can't be answered: ${describeFieldErrors(errors)}.`, { errors });
    }
    response.json(await read(query.data));
  };
}
