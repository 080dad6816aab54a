import type { EventReader } from '../eventReader.ts';
import { createBreakdown, type ReadBreakdown } from './breakdown.ts';
import { createComparison, type ReadComparison } from './compare.ts';
import { createRealtime, type ReadRealtime } from './realtime.ts';
import { createSiteStats, type ReadSiteStats, type SiteStatsOptions } from './siteStats.ts';
import { createTimeseries, type ReadTimeseries } from './timeseries.ts';

/** Every report that there is. */
export interface Reports {
  readSiteStats: ReadSiteStats;
  readTimeseries: ReadTimeseries;
  readBreakdown: ReadBreakdown;
  readComparison: ReadComparison;
  readRealtime: ReadRealtime;
}

export function createReports(reader: EventReader, options: SiteStatsOptions): Reports {
  const { now } = options;
  return {
    readSiteStats: createSiteStats(reader, options),
    readTimeseries: createTimeseries(reader, now),
    readBreakdown: createBreakdown(reader, now),
    readComparison: createComparison(reader, now),
    readRealtime: createRealtime(reader, now),
  };
}
