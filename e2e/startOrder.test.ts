import { startOwnMongo, startOwnRedis } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { expect, test } from 'vitest';
import { createClient } from './client.ts';
import { startServices } from './startServices.ts';

const shared = useTestStack();
const [redis, mongo] = await Promise.all([startOwnRedis(), startOwnMongo()]);
shared.register(() => Promise.all([redis.remove(), mongo.remove()]));
const stack = { ...shared, REDIS_PORT: redis.port, MONGO_URI: `mongodb://127.0.0.1:${mongo.port}` };

const event = { site_id: 'early', event_type: 'page_view', path: '/', timestamp: '2025-11-12T19:30:01Z' };

test('services that start before Redis and MongoDB log what they wait for, and work once it is available', async () => {
  await Promise.all([redis.stop(), mongo.stop()]);
  const services = await startServices(stack);
  const { postEvent, getStats } = createClient(services);
  const says = (name: keyof typeof services, text: string) =>
    waitUntil(() => services[name].log.some(({ msg }) => String(msg).startsWith(text)));

  await says('ingestion', `Redis at 127.0.0.1:${redis.port} is away: `);
  await says('processor', `MongoDB at 127.0.0.1:${mongo.port} is away: `);
  await says('processor', `Redis at 127.0.0.1:${redis.port} is away: `);
  await says('reporting', `MongoDB at 127.0.0.1:${mongo.port} is away: `);
  const refused = await postEvent(event);
  await Promise.all([redis.restart(), mongo.restart()]);
  await waitUntil(async () => (await postEvent(event)).status === 202);
  const stats = await waitUntil(
    () => getStats('early').catch(() => undefined),
    (answer) => answer?.total_views === 1,
  );

  expect(services.reporting.log.find(({ msg }) => msg === 'listening')).toMatchObject({
    time_zones: process.versions['tz'],
  });
  expect(refused.status).toBe(503);
  expect(stats).toMatchObject({ date: null, total_views: 1 });
});
