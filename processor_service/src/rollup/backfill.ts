import { findBucketEnd } from '@analytics/rollups/calendar';
import {
  type BackfillDocument,
  FORMER_COLLECTIONS,
  ROLLUP_FORMAT,
  type RollupCollections,
} from '@analytics/rollups/documents';
import type { Invalidations } from '@analytics/rollups/invalidations';
import type { mongo } from 'mongoose';
import { discardSites, listSiteCodes } from './discardSites.ts';
import { type EventPosition, findHoursWithEvents } from './hoursWithEvents.ts';

export interface BackfillDeps {
  events: mongo.Collection;
  collections: RollupCollections;
  invalidations: Pick<Invalidations, 'requestRefresh'>;
}

/**
 * Invalidates every hour with events from before the first invalidation. Reports use no rollup until that is
 * done. Continues where it was interrupted, and does nothing once it is complete. Rollups in an earlier
 * format are dropped first.
 *
 * @throws Error if the rollups have a newer format.
 */
export async function ensureBackfill(
  { events, collections, invalidations }: BackfillDeps,
  signal: AbortSignal,
): Promise<void> {
  const { meta } = collections;
  const found = await meta.findOne({ _id: 'backfill' });
  if (found && found.format > ROLLUP_FORMAT) {
    throw new Error('The rollups were built by a newer version of the processor. Run that version.');
  }
  const state = found?.format === ROLLUP_FORMAT ? found : await startOver(collections);
  let isComplete = state.is_complete;
  let position: EventPosition = {
    site_id: state.site_id ?? '',
    timestamp: state.timestamp ?? new Date(0),
  };
  while (!isComplete && !signal.aborted) {
    const hours = await findHoursWithEvents(events, position);
    await invalidations.requestRefresh(hours);
    const last = hours.at(-1);
    isComplete = last === undefined;
    if (last) {
      position = { site_id: last.site_id, timestamp: new Date(findBucketEnd(last)) };
    }
    await meta.updateOne({ _id: 'backfill' }, { $set: { is_complete: isComplete, ...position } });
  }
}

/**
 * Drops rollups in another format. Reports that begin meanwhile use none of them; the last step records that
 * all of them are gone. Resolves with the state to continue from.
 */
async function startOver(collections: RollupCollections): Promise<BackfillDocument> {
  const { meta } = collections;
  const codes = await listSiteCodes(collections);
  const state = await meta.findOne({ _id: 'backfill' });
  if (state?.format === ROLLUP_FORMAT) {
    // Another process was faster, and these may be codes of the current format.
    return state;
  }
  if (state) {
    await meta.updateOne({ _id: 'backfill' }, { $set: { is_complete: false } });
  }
  await discardSites(collections, codes);
  for (const name of FORMER_COLLECTIONS) {
    await meta.db.dropCollection(name);
  }
  const begun = { is_complete: false, format: ROLLUP_FORMAT };
  await meta.replaceOne({ _id: 'backfill' }, begun, { upsert: true });
  return { _id: 'backfill', ...begun };
}
