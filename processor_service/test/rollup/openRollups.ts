import type { Connection } from 'mongoose';
import { createRollups, type Rollups } from '../../src/rollup/rollups.ts';

/** Opens the rollups of a connected database, as `worker.ts` does. */
export function openRollups(connection: Connection, options?: Parameters<typeof createRollups>[2]): Rollups {
  if (!connection.db) {
    throw new Error('The test is not connected to MongoDB.');
  }
  return createRollups(connection.db, 'events', options);
}
