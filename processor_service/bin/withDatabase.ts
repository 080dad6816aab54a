import { closeMongo, createMongoConnection, requireDatabase } from '@analytics/shared/mongo/mongo';
import { readConfig } from '@analytics/shared/service/config';
import type { Connection, mongo } from 'mongoose';
import { type Config, parseConfig } from '../src/config/config.ts';
import { connectDatabase } from '../src/config/db.ts';

/** How long a command waits for MongoDB or Redis (ms). */
export const CONNECT_TIMEOUT_MS = 5000;

export interface CommandDatabase {
  config: Config;
  connection: Connection;
  db: mongo.Db;
}

/**
 * Reads the settings of the processor, connects to its MongoDB, runs the work of a command, and closes the
 * connection. Prints the warnings about the settings on standard error.
 *
 * @throws SettingsError, or Error that says why MongoDB is unusable.
 */
export async function withDatabase<Result>(
  work: (database: CommandDatabase) => Promise<Result>,
): Promise<Result> {
  const { config, warnings } = readConfig(parseConfig, {
    processEnv: process.env,
    within: import.meta.dirname,
  });
  for (const warning of warnings) {
    process.stderr.write(`${warning}\n`);
  }
  const connection = createMongoConnection();
  try {
    const failure = await connectDatabase(connection, config, AbortSignal.timeout(CONNECT_TIMEOUT_MS));
    const db = requireDatabase(connection, config.MONGO_URI, failure);
    return await work({ config, connection, db });
  } finally {
    await closeMongo(connection);
  }
}
