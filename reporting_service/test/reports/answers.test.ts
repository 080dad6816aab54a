import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import request from 'supertest';
import { expect, test } from 'vitest';
import { createStatsRoutes } from '../../src/routes/stats.route.ts';
import { startApp } from '../startApp.ts';

const { app, storeSite } = await startApp(useTestStack());
const notCalled = () => {
  throw new Error('not called');
};
const routes = createStatsRoutes({
  topPathsLimit: 10,
  access: { identify: notCalled, resolveSite: notCalled },
  answerReport: notCalled,
  onReported: notCalled,
  now: Date.now,
});

const PARAMETERS: Record<string, Record<string, string>[]> = {
  '/stats': [{}, { date: '2025-11-12' }, { period: 'all', tz: 'Europe/Berlin' }],
  '/stats/timeseries': [{}, { from: '2025-11-10', to: '2025-11-12' }, { period: 'today', interval: 'hour' }],
  '/stats/breakdown': [{ dimension: 'path' }, { dimension: 'property:plan', period: '30d' }],
  '/stats/compare': [{ date: '2025-11-12' }, { period: 'today', tz: 'Asia/Kathmandu' }],
  '/stats/realtime': [{}],
};

test.each(routes.map(({ path, answer }) => ({ path, answer })))(
  'each answer of $path has the form of its schema',
  async ({ path, answer }) => {
    const site_id = await storeSite(
      '2025-11-12T10:00:00Z /a ann',
      '2025-11-12T10:05:00Z /b',
      `${new Date().toISOString()} /a bob`,
    );
    for (const parameters of PARAMETERS[path] ?? []) {
      for (const site of [site_id, 'without-events']) {
        const { body, status } = await request(app)
          .get(path)
          .query({ site_id: site, ...parameters });

        expect(status).toBe(200);
        expect(answer.safeParse(body)).toEqual({ success: true, data: body });
      }
    }
  },
);

test('every report has a test in this file', () => {
  expect(Object.keys(PARAMETERS)).toEqual(routes.map(({ path }) => path));
});
