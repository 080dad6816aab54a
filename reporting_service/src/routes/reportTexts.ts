import type {
  Breakdown,
  Comparison,
  Realtime,
  ReportMeta,
  SiteStats,
  Timeseries,
} from '../reports/answers.ts';

const DAY: ReportMeta = {
  site_id: 'site-abc-123',
  from: '2025-11-12T00:00:00+01:00',
  to: '2025-11-13T00:00:00+01:00',
  tz: 'Europe/Berlin',
  as_of: '2025-11-13T08:15:00.250Z',
  source: 'rollup',
};

/** What the OpenAPI document says of a report besides its schemas. */
export interface ReportText<Answer> {
  operationId: string;
  summary: string;
  description: string;
  example: Answer;
}

export const REPORT_TEXTS: {
  stats: ReportText<SiteStats>;
  timeseries: ReportText<Timeseries>;
  breakdown: ReportText<Breakdown>;
  comparison: ReportText<Comparison>;
  realtime: ReportText<Realtime>;
} = {
  stats: {
    operationId: 'getStats',
    summary: 'Views, users and top paths',
    description:
      'The numbers of a day, a range or all time. With `from`, `period` or `tz`, the answer also has the range.',
    example: {
      site_id: 'site-abc-123',
      date: '2025-11-12',
      total_views: 3,
      unique_users: 2,
      top_paths: [
        { path: '/pricing', views: 2 },
        { path: '/', views: 1 },
      ],
    },
  },
  timeseries: {
    operationId: 'getTimeseries',
    summary: 'Views and users over time',
    description:
      'The numbers of each hour, day, week (from Monday) or month. Intervals without events have zeros. `start` is local time.',
    example: {
      meta: DAY,
      interval: 'day',
      series: [{ start: '2025-11-12T00:00:00+01:00', views: 3, unique_users: 2 }],
    },
  },
  breakdown: {
    operationId: 'getBreakdown',
    summary: 'Views and users by value',
    description:
      'The numbers of each path, event type, referrer or value of a property. Events without a value form a row of `null`.',
    example: {
      meta: DAY,
      dimension: 'path',
      total: 2,
      rows: [
        { value: '/pricing', views: 2, unique_users: 2, share: 0.6666666666666666 },
        { value: '/', views: 1, unique_users: 1, share: 0.3333333333333333 },
      ],
    },
  },
  comparison: {
    operationId: 'getComparison',
    summary: 'A range and an earlier one',
    description:
      'A range and the one before it. Requires a range. If the range has not ended, it is compared with the same part of the earlier one.',
    example: {
      meta: { ...DAY, previous: { from: '2025-11-11T00:00:00+01:00', to: '2025-11-12T00:00:00+01:00' } },
      current: { total_views: 3, unique_users: 2 },
      previous: { total_views: 2, unique_users: 0 },
      change: { total_views: 0.5, unique_users: null },
    },
  },
  realtime: {
    operationId: 'getRealtime',
    summary: 'The last thirty minutes',
    description:
      'The numbers of the last five minutes, and of each of the last thirty. The last minute is the current one.',
    example: {
      meta: {
        ...DAY,
        from: '2025-11-13T07:46:00+00:00',
        to: '2025-11-13T08:15:00+00:00',
        tz: 'UTC',
        source: 'live',
      },
      active_users: 1,
      views: 2,
      minutes: [{ start: '2025-11-13T08:15:00+00:00', views: 2, active_users: 1 }],
    },
  },
};
