import { type SiteStats, type StatsQuery } from '@analytics/shared/stats';
import type { RequestHandler } from 'express';
export interface StatsControllerDeps {
    readSiteStats: (query: StatsQuery) => Promise<SiteStats>;
}
/** Answers `GET /stats`: 200 with a site's numbers, 400 with every parameter at fault. */
export declare function createStatsController({ readSiteStats }: StatsControllerDeps): RequestHandler;
