import type { ServedRoute } from '@analytics/shared/http/openapi/apiRoute';
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
import { REPORT_TEXTS } from './reportTexts.ts';

export interface StatsRouteDeps extends ReportHandlerDeps {
  /** The number of paths in an answer of `GET /stats`. */
  topPathsLimit: number;
}

/** A route of a report, with the schemas that describe it. */
export interface StatsRoute extends ServedRoute {
  path: StatsPath;
  parameters: z.ZodType;
  answer: z.ZodType;
}

/** Adds to a report what all reports have in common. */
function toRoute<Parameters, Query extends ReportQuery<Parameters>, Answer extends object>(
  report: ReportRoute<Parameters, Query, Answer>,
  deps: ReportHandlerDeps,
): StatsRoute {
  const { path, operationId, summary, description, example, parameters, answer } = report;
  return {
    ...{ method: 'get', path, operationId, tag: 'Reports', summary, description, parameters, answer },
    answers: {
      200: {
        description: 'The report.',
        headers: { Age: 'How old the answer is (s), if it was kept from an earlier request.' },
        schema: answer,
        examples: { report: example },
      },
    },
    keys: ['bearer', 'apiKey', 'shareToken'],
    problems: [401, 403, 404, 429, 503],
    handler: createReportHandler(report, deps),
  };
}

/** Lists the routes of all reports. */
export function createStatsRoutes({ topPathsLimit, ...deps }: StatsRouteDeps): StatsRoute[] {
  return [
    toRoute(
      {
        path: '/stats',
        ...REPORT_TEXTS.stats,
        parameters: statsParameters,
        answer: siteStatsAnswer,
        resolve: resolveQuery<StatsParameters>,
        read: (query, context) => readSiteStats(query, context, topPathsLimit),
      },
      deps,
    ),
    toRoute(
      {
        path: '/stats/timeseries',
        ...REPORT_TEXTS.timeseries,
        parameters: timeseriesParameters,
        answer: timeseriesAnswer,
        resolve: resolveQuery<TimeseriesParameters>,
        read: readTimeseries,
      },
      deps,
    ),
    toRoute(
      {
        path: '/stats/breakdown',
        ...REPORT_TEXTS.breakdown,
        parameters: breakdownParameters,
        answer: breakdownAnswer,
        resolve: resolveQuery<BreakdownParameters>,
        read: readBreakdown,
      },
      deps,
    ),
    toRoute(
      {
        path: '/stats/compare',
        ...REPORT_TEXTS.comparison,
        parameters: compareParameters,
        answer: comparisonAnswer,
        resolve: resolveComparison,
        read: readComparison,
      },
      deps,
    ),
    toRoute(
      {
        path: '/stats/realtime',
        ...REPORT_TEXTS.realtime,
        parameters: realtimeParameters,
        answer: realtimeAnswer,
        resolve: resolveRealtime,
        read: readRealtime,
      },
      deps,
    ),
  ];
}
