import { randomUUID } from 'node:crypto';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { openRollupCollections } from '@analytics/rollups/documents';
import { expect, test } from 'vitest';
import { isAny, startOnSlowMongo } from '../startOnSlowMongo.ts';

const { start, admin, delayCommands, delayAggregations, slowDownReading, readFast, listOperations } =
  await startOnSlowMongo();

const NOW = Date.parse('2025-11-12T19:30:30Z');

type Service = Awaited<ReturnType<typeof start>>;

interface ServerStatus {
  metrics: { commands: { aggregate: { total: number } } };
}

/** Lets an event come late to an hour that is over. */
async function storeLate({ storeEvents, connection }: Service, site_id: string): Promise<void> {
  const { invalidations } = openRollupCollections(connection.getClient().db('analytics'));
  const start = new Date('2025-11-12T10:00:00Z');
  await invalidations.insertOne({ _id: { site_id, granularity: 'hour', start }, due_at: new Date() });
  await storeEvents([{ site_id, path: '/', user_id: null, timestamp: start.toISOString() }]);
}

test.each([
  ['it was begun before an event came late', '5', 0, storeLate],
  ['it is older than an answer may be', '5', 6000, async () => {}],
  ['no answer may be old', '0', 0, async () => {}],
])(
  'no request waits for a report that was begun before it where %s',
  async (_case, ttl, passedMs, change) => {
    let nowMs = NOW;
    const service = await start({ STATS_CACHE_TTL_SECONDS: ttl, STATS_MAX_CONCURRENT: '4' }, () => nowMs);
    const site_id = randomUUID();
    const path = `/stats?site_id=${site_id}&date=2025-11-12`;
    const order: string[] = [];
    await delayAggregations(600, { times: 1 });
    const begun = service.get(path).then(() => order.push('begun'));
    await waitUntil(() => listOperations('$cmd'), isAny);

    await change(service, site_id);
    nowMs += passedMs;
    const answer = await service.get(path);
    order.push('asked later');
    await begun;

    expect(order).toEqual(['asked later', 'begun']);
    expect(answer.total_views).toBe(change === storeLate ? 1 : 0);
  },
);

test('a client that disconnects does not affect one that has just joined the same report', async () => {
  const { ask, get, storeSite } = await start({ STATS_CACHE_TTL_SECONDS: '5', STATS_MAX_CONCURRENT: '4' });
  const lines = Array.from({ length: 100 }, (_, index) => `2025-11-12T10:00:00Z /${index} ann`);
  const path = `/stats?site_id=${await storeSite(...lines)}&date=2025-11-12`;
  await slowDownReading();
  const leaving = new AbortController();
  const left = ask(path, leaving.signal);
  await waitUntil(() => listOperations('events'), isAny);
  // The second request is looking at invalidations when the first one leaves.
  await delayCommands('find', 300, { times: 1 });
  const answer = get(path);
  await waitUntil(() => listOperations('$cmd'), isAny);

  leaving.abort();
  await expect(left).rejects.toThrow('abort');
  await readFast();

  expect(await answer).toMatchObject({ total_views: 100 });
});

test('no report is computed for a client that disconnected during the cache lookup', async () => {
  const service = await start({ STATS_CACHE_TTL_SECONDS: '5' }, () => NOW);
  const site_id = randomUUID();
  const path = `/stats?site_id=${site_id}&date=2025-11-12`;
  const other = `/stats?site_id=${randomUUID()}&date=2025-11-12`;
  await service.get(path);
  await service.get(other);
  await storeLate(service, site_id);
  const countReports = async () =>
    ((await admin.command({ serverStatus: 1 })) as unknown as ServerStatus).metrics.commands.aggregate.total;
  const before = await countReports();
  await delayCommands('find', 300, { times: 1 });
  const leaving = new AbortController();
  const left = service.ask(path, leaving.signal);
  await waitUntil(() => listOperations('$cmd'), isAny);

  leaving.abort();
  await expect(left).rejects.toThrow('abort');
  await waitUntil(async () => !isAny(await listOperations('$cmd')));
  // Looked at after the other one.
  await service.get(other);

  expect(await countReports()).toBe(before);
});
