import type { EventModel } from '@analytics/shared/event/eventModel';
import type { HealthCheck } from '@analytics/shared/http/health';
import type { DependencyWatch } from '@analytics/shared/service/dependencyWatch';
import type { Service } from '@analytics/shared/service/startService';
import { createKeyStore } from '@analytics/sites/keyStore';
import { createSiteStore } from '@analytics/sites/siteStore';
import type { Express } from 'express';
import { openAccess } from './access/openAccess.ts';
import { createReadLimit } from './access/readLimits.ts';
import { createApp } from './app.ts';
import { createReportCache } from './cache/reportCache.ts';
import type { Config } from './config/config.ts';
import { requireDatabase } from './database/reportContext.ts';
import { createReportDatabase, type ReportDatabaseOptions } from './database/reportDatabase.ts';
import { createReportingMetrics } from './metrics.ts';

export interface ReportingDeps
  extends Pick<Service<Config>, 'config' | 'logger' | 'register' | 'metrics' | 'version'> {
  Event: EventModel;
  mongoWatch: Pick<DependencyWatch, 'isUp' | 'whileUp'>;
  /** The lines of `/readyz`. */
  checks: Record<string, HealthCheck>;
}

/** Options without a setting. Default: the values of production. */
export type ReportingOptions = Partial<ReportDatabaseOptions>;

/**
 * Builds the service on the events, whose connection may be opened later: the report database, the cache, the
 * app.
 */
export function createReporting(
  { config, logger, version, register, metrics, Event, mongoWatch, checks }: ReportingDeps,
  options: ReportingOptions = {},
): Express {
  const { now = Date.now } = options;
  const database = createReportDatabase(Event, {
    timeoutMs: config.STATS_TIMEOUT_SECONDS * 1000,
    maxConcurrent: config.STATS_MAX_CONCURRENT,
    mongoWatch,
    logger,
    now,
    ...options,
  });
  const { onLookUp, ...counting } = createReportingMetrics(metrics, database);
  const answerReport = createReportCache({
    database,
    ttlMs: config.STATS_CACHE_TTL_SECONDS * 1000,
    maxBytes: config.STATS_CACHE_MAX_BYTES,
    onLookUp,
    now,
  });
  const requireDb = () => requireDatabase(Event);
  const access = openAccess({
    mode: config.AUTH_MODE,
    requireDb,
    mongoWatch,
    logger,
    register,
    checks,
    now,
  });
  return createApp({
    topPathsLimit: config.STATS_TOP_PATHS,
    access,
    checkLimit: createReadLimit(config, now),
    trustProxy: config.TRUST_PROXY,
    answerReport,
    ...counting,
    hasOperationsPort: config.OPERATIONS_PORT > 0,
    sites: createSiteStore(requireDb),
    keys: createKeyStore(requireDb),
    mongoWatch,
    now,
    checks,
    metrics,
    logger,
    version,
  });
}
