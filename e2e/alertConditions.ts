import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freezeProcess, resumeProcess } from '@analytics/local-stack/testing/freezeProcess';
import { startOwnMongo, startOwnRedis } from '@analytics/local-stack/testing/ownServers';
import type { TestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import mongoose from 'mongoose';
import type { Target } from './promql/scrapes.ts';
import { startService, startServices } from './startServices.ts';

const HOUR_MS = 3_600_000;
const event = { site_id: 's', event_type: 'page_view', path: '/', timestamp: '2025-11-12T19:30:01Z' };

/** Brings a system into the state that an alert is for. Resolves with how to end that state. */
type Provoke = () => Promise<() => unknown>;

/** Runs the whole system on a Redis and a MongoDB of its own, for one condition after another. */
export async function startAlertSystem(shared: TestStack) {
  const redisServer = await startOwnRedis();
  shared.register(() => redisServer.remove());
  const mongoServer = await startOwnMongo(['--setParameter', 'enableTestCommands=1']);
  shared.register(() => mongoServer.remove());
  const stack = {
    ...shared,
    REDIS_PORT: redisServer.port,
    MONGO_URI: `mongodb://127.0.0.1:${mongoServer.port}/analytics`,
  };
  const services = await startServices(stack);
  const spare = await startService('ingestion_service', stack);
  const redis = new Redis(redisServer.port);
  stack.register(() => redis.quit());
  const mongo = await mongoose.createConnection(stack.MONGO_URI).asPromise();
  stack.register(() => mongo.close());
  const openQueue = (name: string) => {
    const queue = new Queue(name, { connection: redis, prefix: stack.QUEUE_PREFIX });
    stack.register(() => queue.close());
    return queue;
  };
  const queue = openQueue(stack.QUEUE_NAME);
  const rollups = openQueue(`${stack.QUEUE_NAME}-rollups`);
  const targets: Target[] = [
    { job: 'analytics_ingestion', url: services.ingestion.url },
    { job: 'analytics_ingestion', url: spare.url },
    { job: 'analytics_processor', url: services.processor.url },
    { job: 'analytics_reporting', url: services.reporting.url },
  ];

  const post = (path: string, body: object) =>
    fetch(services.ingestion.url + path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
  const report = (site: string) => fetch(`${services.reporting.url}/stats?site_id=${site}&date=2025-11-12`);
  const failAggregations = (data: object) =>
    mongo
      .getClient()
      .db('admin')
      .command({
        configureFailPoint: 'failCommand',
        mode: 'alwaysOn',
        data: { failCommands: ['aggregate'], ...data },
      });
  const endFailPoint = () =>
    mongo.getClient().db('admin').command({ configureFailPoint: 'failCommand', mode: 'off' });
  const freezeRedis = async () => {
    await redisServer.freeze();
    return () => redisServer.resume();
  };
  const pauseQueue = async () => {
    await queue.pause();
    return async () => {
      await queue.obliterate({ force: true });
      await queue.resume();
    };
  };
  const reconnectAll = () => redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');

  /** By the name of the alert. */
  const conditions: Record<string, Provoke> = {
    AnalyticsDependencyDown: freezeRedis,
    AnalyticsEventsNotAccepted: async () => {
      const resume = await freezeRedis();
      await waitUntil(async () => (await post('/event', event)).status === 503);
      return resume;
    },
    AnalyticsEventsInvalid: async () => {
      await post('/event', { ...event, path: 7 });
      return () => {};
    },
    AnalyticsEventLoopDelayed: async () => {
      const pid = services.reporting.process.pid as number;
      await freezeProcess(pid);
      await delay(1500);
      resumeProcess(pid);
      return () => {};
    },
    AnalyticsMemoryHigh: async () => {
      const NODE_OPTIONS = `--import=${join(import.meta.dirname, 'heldMemory.mjs')}`;
      const large = await startService('reporting_service', stack, { NODE_OPTIONS });
      targets.push({ job: 'analytics_reporting', url: large.url });
      return async () => {
        targets.pop();
        await large.stop();
      };
    },
    AnalyticsQueueLong: async () => {
      const end = await pauseQueue();
      await post('/events', { events: Array(500).fill(event) });
      await queue.addBulk(Array.from({ length: 2000 }, () => ({ name: 'ingest-event', data: event })));
      return end;
    },
    AnalyticsOldestEventWaits: async () => {
      const end = await pauseQueue();
      await queue.add('ingest-event', event, { timestamp: Date.now() - HOUR_MS });
      return end;
    },
    AnalyticsWorkerNotStoring: async () => {
      const end = await pauseQueue();
      await post('/event', event);
      return end;
    },
    AnalyticsNewDeadLetters: async () => {
      await queue.add('ingest-event', { path: 7 });
      return () => {};
    },
    AnalyticsRedisNotDurable: async () => {
      await redis.config('SET', 'appendonly', 'no');
      await reconnectAll();
      return async () => {
        await redis.config('SET', 'appendonly', 'yes');
        await reconnectAll();
      };
    },
    AnalyticsRedisMemoryHigh: async () => {
      const used = Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
      await redis.config('SET', 'maxmemory', Math.ceil(used * 1.2));
      return () => redis.config('SET', 'maxmemory', 0);
    },
    AnalyticsRollupsLate: async () => {
      await rollups.pause();
      const start = new Date('2025-11-12T00:00:00Z');
      await mongo.collection('rollup_invalidations').insertOne({
        _id: { site_id: 'late', granularity: 'hour', start } as never,
        due_at: new Date(Date.now() - HOUR_MS),
      });
      return () => rollups.resume();
    },
    AnalyticsReportsSlow: async () => {
      await failAggregations({ blockConnection: true, blockTimeMS: 2600 });
      await report('slow');
      return endFailPoint;
    },
    AnalyticsReportsRefused: async () => {
      await failAggregations({ errorCode: 8000 });
      await report('failing');
      return endFailPoint;
    },
    AnalyticsServiceDown: async () => {
      const exited = once(spare.process, 'exit');
      spare.process.kill('SIGKILL');
      await exited;
      return () => {};
    },
  };
  return { services, targets, conditions, post, report };
}
