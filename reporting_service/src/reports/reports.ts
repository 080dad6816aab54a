import { type ReadBreakdown, readBreakdown } from './breakdown.ts';
import { type ReadComparison, readComparison } from './compare.ts';
import { type ReadRealtime, readRealtime } from './realtime.ts';
import { createSiteStats, type ReadSiteStats, type SiteStatsOptions } from './siteStats.ts';
import { type ReadTimeseries, readTimeseries } from './timeseries.ts';

/** Every report that there is. Each is of the moment at which the reading of its source began. */
export interface Reports {
  readSiteStats: ReadSiteStats;
  readTimeseries: ReadTimeseries;
  readBreakdown: ReadBreakdown;
  readComparison: ReadComparison;
  readRealtime: ReadRealtime;
}

export function createReports(options: SiteStatsOptions): Reports {
  return {
    readSiteStats: createSiteStats(options),
    readTimeseries,
    readBreakdown,
    readComparison,
    readRealtime,
  };
}
