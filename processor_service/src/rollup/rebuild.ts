import { toBucket } from '@analytics/rollups/countsReader';
import { TOTAL_DIMENSION } from '@analytics/rollups/documents';
import { countsRange, type SiteBucket } from '@analytics/rollups/keys';
import { ensureBackfill } from './backfill.ts';
import { listHoursWithEvents, type SiteSpan } from './hoursWithEvents.ts';
import type { RefreshOptions } from './refresher.ts';
import type { Rollups } from './rollups.ts';

/**
 * Rebuilds the rollups of a span from the events. Answers stay exact throughout, because the rollups are
 * invalidated first. Leaves hours in which events are being stored to the schedule: their leases last.
 */
export async function rebuild(
  rollups: Rollups,
  span: SiteSpan,
  options: Pick<RefreshOptions, 'signal' | 'onBucket'>,
): Promise<void> {
  const { events, collections, invalidations, refresher } = rollups;
  const { site_id } = span;
  await ensureBackfill(rollups, options.signal);
  for await (const hours of listHoursWithEvents(events, span)) {
    await invalidations.requestRefresh(hours);
  }
  const site = await collections.siteCodes.findOne({ _id: site_id });
  if (site) {
    await invalidations.requestRefresh(await listHoursWithRollups(rollups, site.code, span));
  }
  await refresher.refreshDue({ ...options, site_id });
}

/** Includes hours whose events were deleted. */
async function listHoursWithRollups(
  { collections: { counts } }: Pick<Rollups, 'collections'>,
  site: number,
  { site_id, ...span }: SiteSpan,
): Promise<SiteBucket[]> {
  const range = countsRange({ site, dimension: TOTAL_DIMENSION }, 'hour', span);
  const documents = await counts.find(range, { projection: { _id: 1 } }).toArray();
  return documents.map(({ _id }) => ({ site_id, ...toBucket(_id) }));
}
