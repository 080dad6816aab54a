import { randomUUID } from 'node:crypto';
import type { TestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { createDependencyWatch } from '@analytics/shared/dependencyWatch';
import type { EventProperties } from '@analytics/shared/eventProperties';
import { createLogger } from '@analytics/shared/logger';
import { createMongoConnection, pingMongo } from '@analytics/shared/mongo';
import { createRequestRedis } from '@analytics/shared/redis';
import { probeRedis } from '@analytics/shared/redisProbe';
import { Types } from 'mongoose';
import { createApp } from '../src/app.ts';
import { type AnswerReport, answerAnew, createReportCache } from '../src/cache/reportCache.ts';
import { createReportStore } from '../src/cache/reportStore.ts';
import { type Config, parseConfig } from '../src/config/config.ts';
import { connectDatabase } from '../src/config/db.ts';
import { createEventReader } from '../src/eventReader.ts';
import { createEventModel } from '../src/models/Event.model.ts';
import { createReports } from '../src/reports/reports.ts';

const logger = createLogger({ name: 'reporting_service', level: 'silent', isPretty: false });

/** An event as a test writes it down. */
export interface TestEvent {
  site_id: string;
  path: string;
  user_id: string | null;
  timestamp: string;
  event_type?: string;
  referrer_host?: string;
  properties?: EventProperties;
}

/** Builds the service on the file's own database, as `server.ts` does. */
export async function startApp(
  stack: TestStack,
  settings: Record<string, string> = {},
  now: () => number = Date.now,
) {
  const { REDIS_HOST, MONGO_URI } = stack;
  const REDIS_PORT = String(stack.REDIS_PORT);
  const config = parseConfig({
    MONGO_URI,
    REDIS_HOST,
    REDIS_PORT,
    STATS_CACHE_TTL_SECONDS: '0',
    ...settings,
  });
  const connection = createMongoConnection();
  stack.register(() => connection.close());
  const Event = createEventModel(connection);
  await connectDatabase(connection, config, new AbortController().signal);
  const mongoWatch = createDependencyWatch({
    dependency: 'MongoDB',
    probe: () => pingMongo(connection),
    logger,
  });
  stack.register(() => mongoWatch.stop());
  await waitUntil(() => mongoWatch.isUp);
  const reader = createEventReader(Event, {
    timeoutMs: config.STATS_TIMEOUT_SECONDS * 1000,
    maxConcurrent: config.STATS_MAX_CONCURRENT,
    mongoWatch,
    logger,
  });
  const reports = createReports(reader, { topPathsLimit: config.STATS_TOP_PATHS, now });
  const app = createApp({
    reports,
    answerReport: config.STATS_CACHE_TTL_SECONDS > 0 ? await openCache(config) : answerAnew,
    now,
    checks: { mongodb: () => mongoWatch.health },
    logger,
  });

  async function openCache(config: Config): Promise<AnswerReport> {
    const redis = createRequestRedis(config);
    stack.register(() => redis.disconnect());
    const redisWatch = createDependencyWatch({
      dependency: 'Redis',
      probe: () => probeRedis(redis, 'analytics:report'),
      logger,
    });
    stack.register(() => redisWatch.stop());
    const ttlMs = config.STATS_CACHE_TTL_SECONDS * 1000;
    return createReportCache({
      store: createReportStore({ redis, redisWatch, ttlMs, logger }),
      ttlMs,
      hasLateEvents: (site_id, span) => reader.hasLateEvents(site_id, span, now()),
      now,
    });
  }

  async function storeEvents(events: TestEvent[]): Promise<void> {
    const now = new Date();
    await Event.insertMany(
      events.map((event) => ({
        event_type: 'page_view',
        ...event,
        _id: new Types.ObjectId(),
        timestamp: new Date(event.timestamp),
        createdAt: now,
        updatedAt: now,
      })),
    );
  }

  /** Stores events of a site that no other test has; each is written as "time path user". */
  async function storeSite(...lines: string[]): Promise<string> {
    const site_id = randomUUID();
    await storeEvents(
      lines.map((line): TestEvent => {
        const [timestamp = '', path = '', user] = line.split(' ');
        return { site_id, path, user_id: user ?? null, timestamp };
      }),
    );
    return site_id;
  }

  return { app, connection, storeEvents, storeSite, admin: connection.getClient().db('admin') };
}
