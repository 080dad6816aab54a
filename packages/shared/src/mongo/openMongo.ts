import type { Connection } from 'mongoose';
import { createDependencyWatch, type DependencyWatch } from '../service/dependencyWatch.ts';
import type { Service } from '../service/startService.ts';
import {
  closeMongo,
  createMongoConnection,
  createMongoProbe,
  describeMongo,
  requireMongoUri,
} from './mongo.ts';

/**
 * Creates the connection of a service to MongoDB with its probe, its watch and its line in `/readyz`, and
 * registers their closing. `connectMongo` opens the connection later, once its models are registered.
 *
 * @throws SettingsError if MONGO_URI is not a connection string.
 */
export function openMongo({
  config: { MONGO_URI },
  logger,
  register,
  checks,
}: Pick<Service<{ MONGO_URI: string }>, 'config' | 'logger' | 'register' | 'checks'>): {
  connection: Connection;
  mongoWatch: DependencyWatch;
} {
  requireMongoUri(MONGO_URI);
  const connection = createMongoConnection();
  register('MongoDB', () => closeMongo(connection));
  const probe = createMongoProbe(connection, MONGO_URI);
  register('the probe of MongoDB', () => probe.close());
  const mongoWatch = createDependencyWatch({
    dependency: describeMongo(MONGO_URI),
    probe: probe.ping,
    logger,
  });
  register('the watch over MongoDB', () => mongoWatch.stop());
  checks['mongodb'] = () => mongoWatch.health;
  return { connection, mongoWatch };
}
