import type { TestStack } from '@analytics/local-stack/testing/useTestStack';
import type { EventJob } from '@analytics/shared/event/event';
import { createEventId } from '@analytics/shared/event/eventId';
import request from 'supertest';
import { verify } from '../../../processor_service/src/rollup/verify.ts';
import { startRollups } from '../../../processor_service/test/rollup/startRollups.ts';
import { startApp } from '../../../reporting_service/test/startApp.ts';

export const FIRST_DAY_MS = Date.parse('2025-11-28T00:00:00Z');
const SPAN = { startMs: FIRST_DAY_MS, endMs: FIRST_DAY_MS + 10 * 86_400_000 };

/** Events spread over a week that belongs to two months. */
export function createEvents(site_id: string, count: number, seed: number): EventJob[] {
  return Array.from({ length: count }, (_, index) => {
    const draw = (seed * 7919 + index * 104_729) % 1_000_003;
    return {
      _id: createEventId(),
      site_id,
      event_type: draw % 5 === 0 ? 'click' : 'page_view',
      path: `/${draw % 17}`,
      user_id: draw % 11 === 0 ? null : `user-${draw % 211}`,
      timestamp: new Date(FIRST_DAY_MS + (draw % 10_007) * 60_000).toISOString(),
    };
  });
}

export function countTotals(events: EventJob[]) {
  const users = new Set(events.map(({ user_id }) => user_id).filter((user_id) => user_id !== null));
  return { total_views: events.length, unique_users: users.size };
}

/** Starts reports on events that the test stores and rolls up. */
export async function startRolledUpReports(stack: TestStack) {
  const { app } = await startApp(stack);
  const processor = await startRollups(stack);
  return {
    app,
    ...processor,
    readTotals: async (site_id: string) => {
      const { body } = await request(app).get('/stats').query({ site_id });
      return { total_views: body.total_views, unique_users: body.unique_users };
    },
    /** Compares the rollups of a site with its events. */
    verifySite: (site_id: string) => verify(processor.rollups, { site_id, ...SPAN }, () => {}),
  };
}
