import { findBucketEnd } from '@analytics/shared/rollup/buckets';
import { TOTALS } from '@analytics/shared/rollup/rollupCollections';
import { ensureBaseline, takeHours } from './baseline.ts';
import type { SiteBucket } from './marks.ts';
import type { RollOptions } from './roller.ts';
import type { Rollups } from './rollups.ts';

/** Hours that are marked in one command. */
const HOURS_AT_ONCE = 500;

/** Whole UTC days of one site. */
export interface SiteSpan {
  site_id: string;
  startMs: number;
  endMs: number;
}

/**
 * Rolls a stretch of time up again from the events, in the place of what is there. Answers stay exact
 * throughout: what is to be replaced is marked before. Hours whose marks rest, because events are being
 * stored in them, are left to the schedule.
 */
export async function rebuild(
  rollups: Rollups,
  span: SiteSpan,
  options: Pick<RollOptions, 'signal' | 'onBucket'>,
): Promise<void> {
  const { collections, marks, roller } = rollups;
  const { site_id } = span;
  await ensureBaseline(rollups, options.signal);
  for await (const hours of listHours(rollups, span)) {
    await marks.requestHours(hours);
  }
  const site = await collections.sites.findOne({ _id: site_id });
  if (site) {
    await marks.requestHours(await listRolledUpHours(rollups, site.number, span));
  }
  await roller.rollUpRipe({ ...options, site_id });
}

/** The hours of a site that have events, some hundreds at a time. */
export async function* listHours(
  { events }: Pick<Rollups, 'events'>,
  { site_id, startMs, endMs }: SiteSpan,
): AsyncGenerator<SiteBucket[]> {
  let fromMs = startMs;
  for (;;) {
    const found = await takeHours(events, { site_id, timestamp: new Date(fromMs) }, HOURS_AT_ONCE);
    const hours = found.filter((hour) => hour.site_id === site_id && hour.startMs < endMs);
    const last = hours.at(-1);
    if (last === undefined) {
      return;
    }
    yield hours;
    fromMs = findBucketEnd(last);
  }
}

/** Hours may be rolled up whose events were deleted since. */
async function listRolledUpHours(
  { collections: { rollups } }: Pick<Rollups, 'collections'>,
  site: number,
  { site_id, startMs, endMs }: SiteSpan,
): Promise<SiteBucket[]> {
  const key = { site, dimension: TOTALS, granularity: 'hour' as const };
  const range = { $gte: { ...key, start: new Date(startMs) }, $lt: { ...key, start: new Date(endMs) } };
  const documents = await rollups.find({ _id: range as never }, { projection: { _id: 1 } }).toArray();
  return documents.map(({ _id }) => ({ site_id, granularity: 'hour', startMs: _id.start.getTime() }));
}
