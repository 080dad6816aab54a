import type { Connection } from 'mongoose';
import { createRollups, type Rollups, type RollupsOptions } from '../../src/rollup/rollups.ts';

/** Opens the rollups of a connected database, as `worker.ts` does. */
export function openRollups(connection: Connection, options?: RollupsOptions): Rollups {
  if (!connection.db) {
    throw new Error('The test is not connected to MongoDB.');
  }
  return createRollups(connection.db, 'events', options);
}
