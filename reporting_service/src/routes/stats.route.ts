import { createMethodNotAllowedHandler } from '@analytics/shared/http/problem';
import type { Express, RequestHandler } from 'express';
import type { z } from 'zod';
import {
  createReportHandler,
  type ReportHandlerDeps,
  type ReportRoute,
} from '../controllers/statsController.ts';
import {
  type BreakdownParameters,
  breakdownParameters,
  compareParameters,
  realtimeParameters,
  type StatsParameters,
  statsParameters,
  type TimeseriesParameters,
  timeseriesParameters,
} from '../query/parameters.ts';
import { type ReportQuery, resolveComparison, resolveQuery, resolveRealtime } from '../query/reportQuery.ts';
import type { StatsPath } from '../query/statsPaths.ts';
import {
  breakdownAnswer,
  comparisonAnswer,
  realtimeAnswer,
  siteStatsAnswer,
  timeseriesAnswer,
} from '../reports/answers.ts';
import { readBreakdown } from '../reports/breakdown.ts';
import { readComparison } from '../reports/comparison.ts';
import { readRealtime } from '../reports/realtime.ts';
import { readSiteStats } from '../reports/siteStats.ts';
import { readTimeseries } from '../reports/timeseries.ts';

export interface StatsRouteDeps extends ReportHandlerDeps {
  /** The number of paths in an answer of `GET /stats`. */
  topPathsLimit: number;
}

/** A route of a report, with the schemas that describe it. */
export interface StatsRoute {
  path: StatsPath;
  parameters: z.ZodType;
  answer: z.ZodType;
  handler: RequestHandler;
}

/** Lists the routes of all reports. */
export function createStatsRoutes({ topPathsLimit, ...deps }: StatsRouteDeps): StatsRoute[] {
  function toRoute<Parameters, Query extends ReportQuery<Parameters>, Answer extends object>(
    report: ReportRoute<Parameters, Query, Answer>,
  ): StatsRoute {
    const { path, parameters, answer } = report;
    return { path, parameters, answer, handler: createReportHandler(report, deps) };
  }

  return [
    toRoute({
      path: '/stats',
      parameters: statsParameters,
      answer: siteStatsAnswer,
      resolve: resolveQuery<StatsParameters>,
      read: (query, context) => readSiteStats(query, context, topPathsLimit),
    }),
    toRoute({
      path: '/stats/timeseries',
      parameters: timeseriesParameters,
      answer: timeseriesAnswer,
      resolve: resolveQuery<TimeseriesParameters>,
      read: readTimeseries,
    }),
    toRoute({
      path: '/stats/breakdown',
      parameters: breakdownParameters,
      answer: breakdownAnswer,
      resolve: resolveQuery<BreakdownParameters>,
      read: readBreakdown,
    }),
    toRoute({
      path: '/stats/compare',
      parameters: compareParameters,
      answer: comparisonAnswer,
      resolve: resolveComparison,
      read: readComparison,
    }),
    toRoute({
      path: '/stats/realtime',
      parameters: realtimeParameters,
      answer: realtimeAnswer,
      resolve: resolveRealtime,
      read: readRealtime,
    }),
  ];
}

/** Adds the routes to the app itself: a router of their own would be a second search for each request. */
export function addStatsRoutes(app: Express, routes: readonly StatsRoute[]): void {
  const refuse = createMethodNotAllowedHandler('GET, HEAD');
  for (const { path, handler } of routes) {
    app.route(path).get(handler).all(refuse);
  }
}
