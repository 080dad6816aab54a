import { repeatEvery } from '@analytics/shared/async/repeatEvery';
import type { DependencyWatch } from '@analytics/shared/service/dependencyWatch';
import type { Logger } from '@analytics/shared/service/logger';
import { createOutageLog } from '@analytics/shared/service/outageLog';
import type { SiteSnapshot } from './siteSnapshot.ts';
import type { SnapshotReader } from './snapshotReader.ts';

/** How often to look for changes (ms). Two looks, one after the other, make a change known within 10 s. */
export const SITE_POLL_MS = 2000;

/** Read everything this often (ms), because an edit by hand may not change the fingerprint. */
const FULL_READ_MS = 60_000;

export interface SiteWatchOptions {
  reader: SnapshotReader;
  /** Gets the first snapshot, and each one after a change. */
  onSnapshot: (snapshot: SiteSnapshot) => void | Promise<void>;
  mongoWatch: Pick<DependencyWatch, 'isUp' | 'whileUp'>;
  logger: Logger;
  pollMs?: number;
}

export interface SiteWatch {
  stop(): Promise<void>;
}

/**
 * Watches the sites and keys in MongoDB. A failure is logged once per outage, and the next look tries again.
 */
export function watchSites({
  reader,
  onSnapshot,
  mongoWatch,
  logger,
  pollMs = SITE_POLL_MS,
}: SiteWatchOptions): SiteWatch {
  const log = createOutageLog(
    { began: 'cannot read the sites and keys', ended: 'the sites and keys can be read again' },
    logger,
  );
  let known: string | undefined;
  let readAtMs = Number.NEGATIVE_INFINITY;

  async function look(): Promise<void> {
    const fingerprint = await reader.readFingerprint();
    if (fingerprint !== known || performance.now() - readAtMs > FULL_READ_MS) {
      await onSnapshot(await reader.readSnapshot());
      known = fingerprint;
      readAtMs = performance.now();
    }
  }

  return repeatEvery(pollMs, async () => {
    try {
      // A stop must not wait for a MongoDB that hangs.
      await mongoWatch.whileUp(look);
      log.recovered();
    } catch (error) {
      // The watch over MongoDB logs that it is away.
      if (mongoWatch.isUp) {
        log.failed(error as Error);
      }
    }
  });
}
