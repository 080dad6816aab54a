import type { DependencyWatch } from '@analytics/shared/dependencyWatch';
import type { Logger } from '@analytics/shared/logger';
import { createOutageLog } from '@analytics/shared/outageLog';
import { withTimeout } from '@analytics/shared/withTimeout';
import type { Redis } from 'ioredis';

/** A report that takes longer to find than this had better be made. */
const TIMEOUT_MS = 200;

/** Keys of another form of what is kept never meet. */
const KEY_PREFIX = 'analytics:report:1:';

/** A report as it is kept. */
export interface KeptReport {
  /** The moment that it is true for, in milliseconds since 1970. */
  asOfMs: number;
  /** The answer's body. */
  body: string;
}

export interface ReportStore {
  /** Resolves with nothing if there is none, or Redis is away. */
  find(key: string): Promise<KeptReport | undefined>;
  /** Keeps a report for a while, if Redis is there. Never rejects. */
  keep(key: string, report: KeptReport): Promise<void>;
}

export interface ReportStoreOptions {
  redis: Redis;
  /** Knows whether that Redis answers. */
  redisWatch: Pick<DependencyWatch, 'isUp' | 'whileUp'>;
  ttlMs: number;
  logger: Logger;
}

/** Keeps reports in Redis. Reports do not depend on it: what goes wrong is logged, and nobody waits for it. */
export function createReportStore({ redis, redisWatch, ttlMs, logger }: ReportStoreOptions): ReportStore {
  const outageLog = createOutageLog(
    { began: 'reports are not kept in Redis', ended: 'reports are kept in Redis again' },
    logger,
  );

  async function ask<Reply>(command: () => Promise<Reply>): Promise<Reply | undefined> {
    if (!redisWatch.isUp) {
      return undefined;
    }
    try {
      const reply = await withTimeout(redisWatch.whileUp(command), TIMEOUT_MS);
      outageLog.recovered();
      return reply;
    } catch (error) {
      // That Redis is away is the watch's to log.
      if (redisWatch.isUp) {
        outageLog.failed(error as Error);
      }
      return undefined;
    }
  }

  return {
    find: async (key) => {
      const text = await ask(() => redis.get(KEY_PREFIX + key));
      return typeof text === 'string' ? parseKept(text) : undefined;
    },
    keep: async (key, { asOfMs, body }) => {
      await ask(() => redis.set(KEY_PREFIX + key, `${asOfMs} ${body}`, 'PX', ttlMs));
    },
  };
}

/** What somebody else wrote there counts as nothing. */
function parseKept(text: string): KeptReport | undefined {
  const space = text.indexOf(' ');
  const asOfMs = Number(text.slice(0, Math.max(space, 0)) || Number.NaN);
  return Number.isSafeInteger(asOfMs) && text[space + 1] === '{'
    ? { asOfMs, body: text.slice(space + 1) }
    : undefined;
}
