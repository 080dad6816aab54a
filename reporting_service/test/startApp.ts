import { randomUUID } from 'node:crypto';
import { createTestService } from '@analytics/local-stack/testing/testService';
import type { TestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { watchAnswers } from '@analytics/local-stack/testing/watchAnswers';
import type { EventProperties } from '@analytics/shared/event/eventProperties';
import { openMongo } from '@analytics/shared/mongo/openMongo';
import { Types } from 'mongoose';
import request from 'supertest';
import { parseConfig } from '../src/config/config.ts';
import { connectDatabase } from '../src/config/db.ts';
import { createEventModel } from '../src/models/Event.model.ts';
import { createReporting, type ReportingOptions } from '../src/reporting.ts';

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

/**
 * Builds the service of `server.ts` on the file's own database. Its OpenAPI document must allow all of its
 * answers.
 */
export async function startApp(
  stack: TestStack,
  settings: Record<string, string> = {},
  now: () => number = Date.now,
  options: ReportingOptions = {},
) {
  const { MONGO_URI } = stack;
  const config = parseConfig({ MONGO_URI, STATS_CACHE_TTL_SECONDS: '0', ...settings });
  const service = createTestService(stack, config);
  const { connection, mongoWatch } = openMongo(service);
  const Event = createEventModel(connection);
  const app = createReporting({ ...service, Event, mongoWatch }, { now, ...options });
  await connectDatabase(connection, config, service.signal);
  await waitUntil(() => mongoWatch.isUp);
  watchAnswers(stack, app, (await request(app).get('/openapi.json')).body);

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
