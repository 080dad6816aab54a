import { repeatEvery } from '@analytics/shared/async/repeatEvery';
import type { HealthCheck } from '@analytics/shared/http/health';
import type { DependencyWatch } from '@analytics/shared/service/dependencyWatch';
import type { Logger } from '@analytics/shared/service/logger';
import { createOutageLog } from '@analytics/shared/service/outageLog';
import type { SiteCopy } from '@analytics/sites/siteCopy';
import { createSiteDirectory, type SiteDirectory } from '@analytics/sites/siteSnapshot';
import { SITE_POLL_MS } from '@analytics/sites/siteWatch';

export interface SiteCopyReaderOptions {
  copy: Pick<SiteCopy, 'readVersion' | 'readSnapshot'>;
  redisWatch: Pick<DependencyWatch, 'isUp'>;
  logger: Logger;
  pollMs?: number;
}

export interface SiteCopyReader {
  /** The latest known sites and keys. Undefined until the first were read. */
  readonly directory: SiteDirectory | undefined;
  /** The line of `/readyz`: down until the first sites were read. */
  check: HealthCheck;
  stop(): Promise<void>;
}

/**
 * Reads the sites and keys from their copy in Redis, now and after each change. While Redis is away, or has
 * lost the copy, the last ones remain in use.
 */
export function readSiteCopy({
  copy,
  redisWatch,
  logger,
  pollMs = SITE_POLL_MS,
}: SiteCopyReaderOptions): SiteCopyReader {
  const log = createOutageLog(
    { began: 'cannot read the sites from Redis', ended: 'the sites can be read from Redis again' },
    logger,
  );
  let directory: SiteDirectory | undefined;
  let known: string | undefined;

  async function read(): Promise<void> {
    const version = await copy.readVersion();
    if (version === undefined || version === known) {
      return;
    }
    const latest = await copy.readSnapshot();
    if (latest) {
      directory = createSiteDirectory(latest.snapshot);
      known = latest.version;
    }
  }

  const { stop } = repeatEvery(pollMs, async () => {
    try {
      await read();
      log.recovered();
    } catch (error) {
      // The watch over Redis logs that it is away.
      if (redisWatch.isUp) {
        log.failed(error as Error);
      }
    }
  });

  return {
    get directory() {
      return directory;
    },
    check: () =>
      directory
        ? { status: 'up' }
        : { status: 'down', reason: 'the processor has not copied the sites to Redis yet' },
    stop,
  };
}
