import type { DependencyWatch } from '@analytics/shared/dependencyWatch';
import type { EventModel } from '@analytics/shared/eventModel';
import type { Logger } from '@analytics/shared/logger';
import { createOutageLog } from '@analytics/shared/outageLog';
import { createUnavailableError } from '@analytics/shared/problem';
import type { SiteStats, StatsQuery } from '@analytics/shared/stats';
import { buildSiteStatsPipeline, type SiteStatsFacets } from './aggregations/siteStatsPipeline.ts';

export interface StatsReaderOptions {
  /** How many paths a report names. */
  topPathsLimit: number;
  /** How long MongoDB may work on a report, in milliseconds. */
  timeoutMs: number;
  /** Knows whether MongoDB answers. */
  mongoWatch: Pick<DependencyWatch, 'isUp' | 'whileUp'>;
  logger: Logger;
}

export interface StatsReader {
  /** @throws ProblemError 503 if MongoDB could not answer in time. */
  readSiteStats(query: StatsQuery): Promise<SiteStats>;
}

/** Opens the reading end of the stored events. */
export function createStatsReader(
  Event: EventModel,
  { topPathsLimit, timeoutMs, mongoWatch, logger }: StatsReaderOptions,
): StatsReader {
  const outageLog = createOutageLog({ began: 'a report failed', ended: 'reports work again' }, logger);

  async function aggregate(query: StatsQuery): Promise<SiteStatsFacets | undefined> {
    try {
      const pipeline = buildSiteStatsPipeline(query, topPathsLimit);
      const [facets] = await mongoWatch.whileUp(() =>
        Event.aggregate<SiteStatsFacets>(pipeline).option({ maxTimeMS: timeoutMs }).exec(),
      );
      outageLog.recovered();
      return facets;
    } catch (error) {
      // That MongoDB is away is the watch's to log; what else can go wrong is this report's.
      if (mongoWatch.isUp) {
        outageLog.failed(error as Error);
      }
      throw createUnavailableError('The events could not be read in time. Try again.', error);
    }
  }

  return {
    readSiteStats: async (query) => {
      const facets = await aggregate(query);
      return {
        site_id: query.site_id,
        date: query.date ?? null,
        total_views: facets?.total_views[0]?.count ?? 0,
        unique_users: facets?.unique_users[0]?.count ?? 0,
        top_paths: facets?.top_paths.map(({ path, views }) => ({ path, views })) ?? [],
      };
    },
  };
}
