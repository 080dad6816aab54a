import { createLogger, type Logger } from '@analytics/shared/service/logger';
import type { Connection, mongo } from 'mongoose';
import { parseConfig } from '../../src/config/config.ts';
import { connectIndexBuilder } from '../../src/config/db.ts';
import { createCollections, listCollections } from '../../src/database/createCollections.ts';
import { startIndexBuild } from '../../src/database/indexBuild.ts';

const silent = createLogger({ name: 'processor_service', level: 'silent', isPretty: false });

/** Creates the collections and their indexes as the service does, and waits for both. */
export async function createIndexedCollections(
  connection: Connection,
  models: Parameters<typeof listCollections>[0],
  { MONGO_URI, logger = silent }: { MONGO_URI: string; logger?: Logger },
): Promise<void> {
  const collections = listCollections(models);
  await createCollections(connection.db as mongo.Db, collections, new AbortController().signal, logger);
  const { finished } = startIndexBuild({
    connect: (builder, signal) => connectIndexBuilder(builder, parseConfig({ MONGO_URI }), signal),
    collections,
    mongoWatch: { isUp: true },
    logger,
  });
  await finished;
}
