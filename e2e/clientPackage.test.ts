import { randomUUID } from 'node:crypto';
import { createClient } from '@analytics/client/createClient';
import { AnalyticsError } from '@analytics/client/requester';
import { createCheckedFetch } from '@analytics/local-stack/testing/checkedFetch';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { expect, onTestFinished, test } from 'vitest';
import { startService, startServices, waitUntilReady } from './startServices.ts';

const stack = useTestStack();
const services = await startServices(stack);
await waitUntilReady(services);
const { ingestion, reporting } = services;

function startClient(ingestionUrl = ingestion.url) {
  const dropped: string[] = [];
  const client = createClient({
    ingestionUrl,
    reportingUrl: `${reporting.url}/`,
    fetch: createCheckedFetch(),
    events: {
      maxEvents: 100,
      maxDelayMs: 50,
      onDropped: ({ path }, { message }) => dropped.push(`${path} ${message}`),
    },
  });
  onTestFinished(() => client.close(0));
  return { client, dropped, site_id: randomUUID() };
}

test('tracked events are in every report', async () => {
  const { client, dropped, site_id } = startClient();
  client.trackMany(
    Array.from({ length: 250 }, (_, index) => ({
      site_id,
      event_type: 'page_view',
      path: `/${index % 2}`,
      user_id: `user-${index % 5}`,
    })),
  );
  await client.flush();
  const today = { site_id, period: 'today' } as const;
  await waitUntil(
    () => client.stats({ site_id }),
    ({ total_views }) => total_views === 250,
  );

  expect(await client.stats({ site_id, path: '/0' })).toMatchObject({
    date: null,
    total_views: 125,
    unique_users: 5,
  });
  expect((await client.timeseries({ ...today, interval: 'day' })).series.at(-1)).toMatchObject({
    views: 250,
  });
  expect((await client.breakdown({ ...today, dimension: 'path', limit: 1 })).rows).toEqual([
    { value: '/0', views: 125, unique_users: 5, share: 0.5 },
  ]);
  expect((await client.compare(today)).current).toEqual({ total_views: 250, unique_users: 5 });
  expect(await client.realtime({ site_id })).toMatchObject({ views: 250, active_users: 5 });
  expect(dropped).toEqual([]);
});

test('an event that is invalid is dropped with the reason of the service, and the others are stored', async () => {
  const { client, dropped, site_id } = startClient();
  client.track({ site_id, event_type: 'page_view', path: '/' });
  client.track({ site_id, event_type: 'page_view', path: '' });
  await client.flush();
  await waitUntil(
    () => client.stats({ site_id }),
    ({ total_views }) => total_views === 1,
  );

  expect(dropped).toEqual([' The event is invalid: path must not be empty.']);
});

test('a refused report says why', async () => {
  const { client, site_id } = startClient();
  const error = await client.stats({ site_id, date: 'tomorrow' }).catch((reason: unknown) => reason);

  expect(error).toBeInstanceOf(AnalyticsError);
  expect(error).toMatchObject({
    status: 400,
    message: "The query can't be answered: date must be a day of the calendar as YYYY-MM-DD.",
    problem: { errors: [{ field: 'date', message: 'must be a day of the calendar as YYYY-MM-DD' }] },
  });
});

test('events that are tracked while the service is away are stored once it is back', async () => {
  const first = await startService('ingestion_service', stack);
  const { client, dropped, site_id } = startClient(first.url);
  await first.stop();
  client.track({ site_id, event_type: 'page_view', path: '/' });
  const flushed = client.flush();
  await startService('ingestion_service', stack, { PORT: new URL(first.url).port });
  await flushed;
  await waitUntil(
    () => client.stats({ site_id }),
    ({ total_views }) => total_views === 1,
  );

  expect(dropped).toEqual([]);
});
