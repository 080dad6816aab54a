import type { TestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { createDependencyWatch } from '@analytics/shared/dependencyWatch';
import { createLogger } from '@analytics/shared/logger';
import { createMongoConnection, pingMongo } from '@analytics/shared/mongo';
import { Types } from 'mongoose';
import { createApp } from '../src/app.ts';
import { parseConfig } from '../src/config/config.ts';
import { connectDatabase } from '../src/config/db.ts';
import { createEventModel } from '../src/models/Event.model.ts';
import { createStatsReader } from '../src/statsReader.ts';

const logger = createLogger({ name: 'reporting_service', level: 'silent', isPretty: false });

/** An event as a test writes it down. */
export interface TestEvent {
  site_id: string;
  path: string;
  user_id: string | null;
  timestamp: string;
}

/** Builds the service on the file's own database, as `server.ts` does. */
export async function startApp(stack: TestStack, settings: Record<string, string> = {}) {
  const config = parseConfig({ MONGO_URI: stack.MONGO_URI, ...settings });
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
  const { readSiteStats } = createStatsReader(Event, {
    topPathsLimit: config.STATS_TOP_PATHS,
    timeoutMs: config.STATS_TIMEOUT_SECONDS * 1000,
    mongoWatch,
    logger,
  });
  const app = createApp({ readSiteStats, checks: { mongodb: () => mongoWatch.health }, logger });

  async function storeEvents(events: TestEvent[]): Promise<void> {
    const now = new Date();
    await Event.insertMany(
      events.map((event) => ({
        ...event,
        _id: new Types.ObjectId(),
        event_type: 'page_view',
        timestamp: new Date(event.timestamp),
        createdAt: now,
        updatedAt: now,
      })),
    );
  }
  return { app, storeEvents, admin: connection.getClient().db('admin') };
}
