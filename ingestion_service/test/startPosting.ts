import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import request from 'supertest';
import { beforeEach } from 'vitest';
import { startApp } from './startApp.ts';

export const event = {
  site_id: 'site-abc-123',
  event_type: 'page_view',
  path: '/pricing',
  user_id: 'user-xyz-789',
  timestamp: '2025-11-12T19:30:01Z',
};

/**
 * Starts the service for a test file that posts single events. Before each test its queue is empty and it
 * accepts events.
 */
export async function startPosting() {
  const { app, queue } = await startApp(useTestStack());
  beforeEach(async () => {
    await queue.drain();
    await waitUntil(async () => (await request(app).get('/readyz')).status === 200);
  });

  function post(body: string | object) {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return request(app).post('/event').set('Content-Type', 'application/json').send(text);
  }

  return { app, queue, post };
}
