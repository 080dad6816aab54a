import { DAY_MS } from '@analytics/rollups/calendar';
import type { EventModel } from '@analytics/shared/event/eventModel';
import type { SiteStore } from '@analytics/sites/siteStore';
import { countSelected, deleteSelected, type EventSelection } from './deleteEvents.ts';
import type { WriteInvalidator } from './writeInvalidator.ts';

/** The events of a site that are older than the site keeps them. */
export interface ExpiredEvents {
  site_id: string;
  retention_days: number;
  selection: EventSelection & { until: Date };
}

/** Lists the expired events of each site that has a retention. Nothing that is stored later is among them. */
export async function listExpired(sites: Pick<SiteStore, 'list'>, nowMs: number): Promise<ExpiredEvents[]> {
  const expired: ExpiredEvents[] = [];
  for (const { id: site_id, retention_days } of await sites.list()) {
    if (retention_days !== null) {
      const selection = {
        site_id,
        until: findFirstKept(retention_days, nowMs),
        storedBy: new Date(nowMs),
      };
      expired.push({ site_id, retention_days, selection });
    }
  }
  return expired;
}

/** The start of the first UTC day that is kept: today and the given number of days before it are. */
function findFirstKept(retentionDays: number, nowMs: number): Date {
  const todayMs = Math.floor(nowMs / DAY_MS) * DAY_MS;
  return new Date(todayMs - retentionDays * DAY_MS);
}

/** Counts the expired events of each site. */
export function countExpired(Event: EventModel, expired: readonly ExpiredEvents[]): Promise<number[]> {
  return Promise.all(expired.map(({ selection }) => countSelected(Event, selection)));
}

export interface DeleteExpiredOptions {
  Event: EventModel;
  invalidator: Pick<WriteInvalidator, 'invalidate'>;
  /** Gets the deleted events of each batch. */
  onBatch: (deleted: number) => void;
  /** Gets the deleted events of each site that had some. */
  onSite?: (expired: ExpiredEvents, deleted: number) => void;
  signal?: AbortSignal;
}

/**
 * Deletes the expired events, site after site. Ends after the current batch when the signal aborts; the next
 * call continues. Resolves with the number of deleted events.
 */
export async function deleteExpired(
  expired: readonly ExpiredEvents[],
  { Event, invalidator, onBatch, onSite, signal }: DeleteExpiredOptions,
): Promise<number> {
  let total = 0;
  for (const each of expired) {
    let known = 0;
    const onProgress = (soFar: number) => {
      onBatch(soFar - known);
      known = soFar;
    };
    const deleted = await deleteSelected(Event, invalidator, each.selection, onProgress, signal);
    total += deleted;
    if (deleted > 0) {
      onSite?.(each, deleted);
    }
  }
  return total;
}
