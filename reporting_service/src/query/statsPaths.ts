/** The paths of all reports, which the metrics tell apart. */
export const STATS_PATHS = [
  '/stats',
  '/stats/timeseries',
  '/stats/breakdown',
  '/stats/compare',
  '/stats/realtime',
] as const;

export type StatsPath = (typeof STATS_PATHS)[number];
