import { createClient as createAnalyticsClient } from '@analytics/client/createClient';
import type { SiteStats } from '@analytics/client/types';
import { createCheckedFetch } from '@analytics/local-stack/testing/checkedFetch';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import type { EventInput } from '@analytics/shared/event/event';
import type { Services } from './startServices.ts';

/** Speaks to the running services as a user does. Their OpenAPI documents must allow every answer. */
export function createClient({ ingestion, reporting }: Services) {
  const checkedFetch = createCheckedFetch();
  const client = createAnalyticsClient({
    ingestionUrl: ingestion.url,
    reportingUrl: reporting.url,
    fetch: checkedFetch,
  });

  async function postEvent(body: object): Promise<{ status: number; body: unknown }> {
    const response = await checkedFetch(`${ingestion.url}/event`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  }

  const getStats = (site_id: string, date?: string): Promise<SiteStats> => client.stats({ site_id, date });

  /**
   * Posts events, at most 50 at the same time, and resolves with the answers' statuses: at once if one was
   * refused, else when the reports count them all.
   */
  async function postAndWait(events: EventInput[]): Promise<number[]> {
    const statuses: number[] = [];
    for (let start = 0; start < events.length; start += 50) {
      const answers = await Promise.all(events.slice(start, start + 50).map(postEvent));
      statuses.push(...answers.map(({ status }) => status));
    }
    if (statuses.some((status) => status !== 202)) {
      return statuses;
    }
    for (const site_id of new Set(events.map((event) => event.site_id))) {
      const count = events.filter((event) => event.site_id === site_id).length;
      await waitUntil(
        () => getStats(site_id),
        ({ total_views }) => total_views >= count,
      );
    }
    return statuses;
  }

  return { postEvent, getStats, postAndWait };
}
