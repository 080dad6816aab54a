import { repeatEvery } from '@analytics/shared/async/repeatEvery';
import type { DependencyWatch } from '@analytics/shared/service/dependencyWatch';
import type { Logger } from '@analytics/shared/service/logger';
import { createOutageLog } from '@analytics/shared/service/outageLog';
import type { KeyStore } from '@analytics/sites/keyStore';
import type { SiteCopy } from '@analytics/sites/siteCopy';
import type { SiteSnapshot } from '@analytics/sites/siteSnapshot';
import { SITE_POLL_MS, watchSites } from '@analytics/sites/siteWatch';
import type { SnapshotReader } from '@analytics/sites/snapshotReader';

export interface CopySitesOptions {
  reader: SnapshotReader;
  keys: Pick<KeyStore, 'recordUses'>;
  copy: SiteCopy;
  mongoWatch: Pick<DependencyWatch, 'isUp' | 'whileUp'>;
  redisWatch: Pick<DependencyWatch, 'isUp' | 'whileUp'>;
  logger: Logger;
  pollMs?: number;
}

/**
 * Keeps the copy of all sites and keys in Redis up to date, creates it again when Redis has lost it, and
 * moves the noted uses of keys to MongoDB. Any number of workers may do so: all write the same copy.
 */
export function copySites({
  reader,
  keys,
  copy,
  mongoWatch,
  redisWatch,
  logger,
  pollMs = SITE_POLL_MS,
}: CopySitesOptions): { stop(): Promise<void> } {
  let latest: SiteSnapshot | undefined;
  const log = createOutageLog(
    { began: 'cannot copy the sites to Redis', ended: 'the sites are copied to Redis again' },
    logger,
  );
  const watch = watchSites({
    reader,
    onSnapshot: (snapshot) => {
      latest = snapshot;
      writing.runNow();
    },
    mongoWatch,
    logger,
    pollMs,
  });
  const writing = repeatEvery(pollMs, async () => {
    try {
      const snapshot = latest;
      if (snapshot) {
        // A stop must not wait for a dependency that hangs.
        await redisWatch.whileUp(async () => {
          await copy.write(snapshot);
          await mongoWatch.whileUp(() => moveKeyUses(copy, keys));
        });
      }
      log.recovered();
    } catch (error) {
      // The watches log that a dependency is away.
      if (redisWatch.isUp && mongoWatch.isUp) {
        log.failed(error as Error);
      }
    }
  });
  return {
    stop: async () => {
      await watch.stop();
      await writing.stop();
    },
  };
}

async function moveKeyUses(copy: SiteCopy, keys: Pick<KeyStore, 'recordUses'>): Promise<void> {
  const uses = await copy.readKeyUses();
  await keys.recordUses(uses);
  await copy.removeKeyUses([...uses.keys()]);
}
