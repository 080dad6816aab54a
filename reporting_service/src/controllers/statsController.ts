import { describeFieldErrors, ProblemError, toFieldErrors } from '@analytics/shared/problem';
import { type SiteStats, type StatsQuery, statsQuerySchema } from '@analytics/shared/stats';
import type { RequestHandler } from 'express';

export interface StatsControllerDeps {
  readSiteStats: (query: StatsQuery) => Promise<SiteStats>;
}

/** Answers `GET /stats`: 200 with a site's numbers, 400 with every parameter at fault. */
export function createStatsController({ readSiteStats }: StatsControllerDeps): RequestHandler {
  return async function getStats(request, response) {
    const query = statsQuerySchema.safeParse(request.query);
    if (!query.success) {
      const errors = toFieldErrors(query.error, 'query');
      throw new ProblemError(400, `The query can't be answered: ${describeFieldErrors(errors)}.`, { errors });
    }
    response.json(await readSiteStats(query.data));
  };
}
