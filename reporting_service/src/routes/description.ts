import type { ServiceDescription } from '@analytics/shared/http/openapi/openApiRouter';
import {
  breakdownAnswer,
  comparisonAnswer,
  meta,
  realtimeAnswer,
  siteStatsAnswer,
  timeseriesAnswer,
} from '../reports/answers.ts';

/** What the OpenAPI document says of the service besides its routes. */
export const DESCRIPTION: ServiceDescription = {
  title: 'Analytics: reports',
  description:
    'Reports exact numbers of a site. `date`, `from` with `to`, and `period` exclude each other; without one, a report covers all time. Several filters are combined with "and". Unknown parameters are refused by name.\n\nEvery error is an `application/problem+json` (RFC 9457), also the 404 of an unknown route.',
  tags: {
    Reports: 'The numbers of a site. A site without events has zeros.',
    'Sites and keys': 'Need an admin key: `npm run sites -- key add --kind admin --label me`.',
  },
  schemas: {
    SiteStats: siteStatsAnswer,
    Timeseries: timeseriesAnswer,
    Breakdown: breakdownAnswer,
    Comparison: comparisonAnswer,
    Realtime: realtimeAnswer,
    ReportMeta: meta,
  },
};
