import { setTimeout as delay } from 'node:timers/promises';
import { findFreePort } from '@analytics/local-stack/freePort';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { expect, test } from 'vitest';
import { waitUntilDrained } from './harness/observation.ts';
import { runFault } from './harness/runFault.ts';
import type { System } from './harness/system.ts';

/** Longer than the ten seconds of the worker's locks: nobody can renew them meanwhile. */
const REPLICA_MS = 12_000;

/** The schedule of the rollups is written every 30 seconds. */
const SCHEDULE_TIMEOUT_MS = 60_000;

async function readReadiness({ ingestion, workers: [worker] }: System): Promise<number[]> {
  const urls = [ingestion.service.url, worker?.service.url];
  return Promise.all(urls.map(async (url) => (await fetch(`${url}/readyz`)).status));
}

test('no event is lost or duplicated if Redis is a replica for longer than the job locks last', (context) =>
  runFault(context, {
    name: 'Redis becomes a replica',
    rules: { mayRefuse: true, mayCut: false },
    run: async ({ system, load }) => {
      // A replica gives up its own data once its primary sends it another. One of a server that is not there
      // keeps it.
      await system.redisClient.replicaof('127.0.0.1', await findFreePort());
      await load.untilAnswered(503, 50);
      await delay(REPLICA_MS);
      expect(await readReadiness(system)).toEqual([503, 503]);
      await system.redisClient.replicaof('NO', 'ONE');
    },
  }));

test('after FLUSHALL, events are accepted immediately, and the rollup schedule exists again within a minute', (context) =>
  runFault(context, {
    name: 'Redis is flushed',
    run: async ({ system, load }) => {
      const readSchedule = () => system.redisClient.zrange('bull:eventQueue-rollups:repeat', '0', '-1');
      const schedule = await waitUntil(readSchedule, ({ length }) => length > 0);
      // What is still queued would be gone by the hand of the one who flushes.
      await load.pause();
      await waitUntilDrained(system);
      await system.redisClient.flushall();
      load.resume();
      await load.untilAcknowledged(200);
      expect(await waitUntil(readSchedule, ({ length }) => length > 0, SCHEDULE_TIMEOUT_MS)).toEqual(
        schedule,
      );
    },
  }));
