import type { DependencyWatch } from '@analytics/shared/service/dependencyWatch';
import type { Logger } from '@analytics/shared/service/logger';
import type { Service } from '@analytics/shared/service/startService';
import { createKeyStore } from '@analytics/sites/keyStore';
import { createKeyUseNotes } from '@analytics/sites/keyUses';
import { createSiteDirectory, type SiteDirectory } from '@analytics/sites/siteSnapshot';
import { watchSites } from '@analytics/sites/siteWatch';
import { createSnapshotReader } from '@analytics/sites/snapshotReader';
import type { mongo } from 'mongoose';
import { createReadAccess, type ReadAccess } from './readAccess.ts';

export interface OpenAccessOptions extends Pick<Service<unknown>, 'register' | 'checks'> {
  mode: 'open' | 'keys';
  /** Returns the database, or throws while there is no connection. */
  requireDb: () => mongo.Db;
  mongoWatch: Pick<DependencyWatch, 'isUp' | 'whileUp'>;
  logger: Logger;
  /** Milliseconds since 1970. */
  now: () => number;
}

/** Watches the sites and keys in MongoDB, and decides by the latest ones who may read. */
export function openAccess({
  mode,
  requireDb,
  mongoWatch,
  logger,
  register,
  checks,
  now,
}: OpenAccessOptions): ReadAccess {
  let directory: SiteDirectory | undefined;
  const watch = watchSites({
    reader: createSnapshotReader(requireDb),
    onSnapshot: (snapshot) => {
      directory = createSiteDirectory(snapshot);
    },
    mongoWatch,
    logger,
  });
  register('the watch over the sites', () => watch.stop());
  if (mode === 'keys') {
    checks['sites'] = () =>
      directory ? { status: 'up' } : { status: 'down', reason: 'the sites were not read yet' };
  }
  const keys = createKeyStore(requireDb);
  return createReadAccess({
    mode,
    findDirectory: () => directory,
    onKeyUsed: createKeyUseNotes((hash, ms) => {
      // The next use records it again.
      keys
        .recordUses(new Map([[hash, ms]]))
        .catch((error: Error) => logger.debug({ err: error }, 'cannot record the use of a key'));
    }),
    now,
  });
}
