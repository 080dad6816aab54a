import type { SiteStats } from '../../../reporting_service/src/reports/answers.ts';
import type { LedgerEntry } from './ledger.ts';

const TOP_PATHS = 10;

/** What `/stats` must say of these events: a plain count, computed in no other place. */
export function countStats(entries: readonly LedgerEntry[], site_id: string, date: string | null): SiteStats {
  const events = entries
    .map(({ event }) => event)
    .filter((event) => event.site_id === site_id && (date === null || dayOf(event.timestamp) === date));
  const views = new Map<string, number>();
  for (const { path } of events) {
    views.set(path, (views.get(path) ?? 0) + 1);
  }
  return {
    site_id,
    date,
    total_views: events.length,
    unique_users: new Set(events.flatMap(({ user_id }) => user_id ?? [])).size,
    top_paths: [...views]
      .map(([path, count]) => ({ path, views: count }))
      .sort((a, b) => b.views - a.views || Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))
      .slice(0, TOP_PATHS),
  };
}

function dayOf(timestamp: string): string {
  return new Date(timestamp).toISOString().slice(0, 10);
}
