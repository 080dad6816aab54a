import { openRollupCollections, type RollupCollections } from '@analytics/rollups/documents';
import type { RollupUnreadableError } from '@analytics/rollups/rollupErrors';
import { TimeoutError, withTimeout } from '@analytics/shared/async/withTimeout';
import type { EventModel } from '@analytics/shared/event/eventModel';
import { createUnavailableError, ProblemError } from '@analytics/shared/http/problem';
import type { DependencyWatch } from '@analytics/shared/service/dependencyWatch';
import type { Logger } from '@analytics/shared/service/logger';
import { createOutageLog, type OutageLog } from '@analytics/shared/service/outageLog';
import { createLimiter, type Limiter, TooManyWaitingError } from './limiter.ts';
import { limitTime, untilAborted } from './limitTime.ts';
import { findRefusalReason, refuseReport } from './refusal.ts';
import { openReportContext, type ReportContext, requireDatabase } from './reportContext.ts';
import { createReportMemory, type ReportMemory } from './reportMemory.ts';

/**
 * As many as the HTTP server has connections: only a client that does not wait for its answers reaches it.
 */
const MAX_WAITING = 10_000;

/** The share of all permits that one site may have. */
const MAX_SHARE_OF_SITE = 3 / 4;

/**
 * Reads of invalidations are short. They have their own permits, so that no cached answer waits for reports.
 */
const MAX_CHECKS = 4;

const MAX_UNREADABLE_LOGGED = 100;

export interface ReportDatabaseOptions {
  /** The time that a request waits for its report, and that a report may take with its permit (ms). */
  timeoutMs: number;
  /** The most concurrent reports. Others wait. */
  maxConcurrent: number;
  /** The watch over MongoDB. */
  mongoWatch: Pick<DependencyWatch, 'isUp' | 'whileUp'>;
  logger: Logger;
  /** Milliseconds since 1970. */
  now: () => number;
  memory?: ReportMemory;
}

interface Reading {
  /** The owner of the permit. */
  site_id: string;
  /** Aborts when no request waits for the report. */
  signal: AbortSignal;
}

/** A request that waits for a report. */
interface Waiting {
  /** Aborts when the client has closed the connection. */
  signal: AbortSignal;
  /** When the request arrived, by `performance.now()`. */
  startedMs: number;
}

export interface ReportDatabase {
  /**
   * Limits the time that a request waits for work.
   *
   * @throws ProblemError 503 after that time.
   * @throws the signal's reason once it aborts.
   */
  inTime<Answer>(waiting: Waiting, work: (signal: AbortSignal) => Promise<Answer>): Promise<Answer>;
  /**
   * Runs one report with a permit. Waits for the permit until the signal aborts, and releases it when the
   * work has stopped.
   *
   * @throws ProblemError 503 if the report takes too long, or MongoDB is away.
   */
  run<Report>(reading: Reading, makeReport: (source: ReportContext) => Promise<Report>): Promise<Report>;
  /**
   * Runs a short query, which waits for no report. It has half of a request's time, because a request may
   * wait for two checks.
   *
   * @throws ProblemError 503 if MongoDB does not answer in that time, or is away.
   */
  check<Answer>(site_id: string, ask: (rollups: RollupCollections) => Promise<Answer>): Promise<Answer>;
  /** The number of reports that run, and that wait for a permit. */
  readonly load: Pick<Limiter, 'running' | 'waiting'>;
}

/** Opens the database of the reports, which limits their concurrency, time and memory. */
export function createReportDatabase(Event: EventModel, options: ReportDatabaseOptions): ReportDatabase {
  const { timeoutMs, maxConcurrent, mongoWatch, logger, now, memory = createReportMemory() } = options;
  const outageLog = createOutageLog({ began: 'a report failed', ended: 'reports work again' }, logger);
  const onUnreadable = createUnreadableLog(logger);
  const reportLimiter = createSiteLimiter(maxConcurrent);
  const checkTimeoutMs = Math.ceil(timeoutMs / 2);
  const askInTurn = createCheckQueries(Event, checkTimeoutMs, mongoWatch);
  const toProblem = createProblemTranslator(mongoWatch, outageLog);

  /** Aborts the work when no request waits, when its time is over, and when one of its queries has failed. */
  async function runInTurn<Report>(
    { site_id, signal }: Reading,
    makeReport: (source: ReportContext) => Promise<Report>,
  ): Promise<Report> {
    const release = await reportLimiter.acquire(site_id, signal);
    const deadlineMs = performance.now() + timeoutMs;
    const { stopping, end } = limitTime(signal, timeoutMs);
    let work: Promise<unknown> = Promise.resolve();
    try {
      stopping.signal.throwIfAborted();
      return await untilAborted(
        stopping.signal,
        mongoWatch.whileUp(async () => {
          const report = makeReport(
            openReportContext(Event, {
              asOfMs: now(),
              deadlineMs,
              signal: stopping.signal,
              memory,
              onUnreadable,
            }),
          );
          work = report;
          return report;
        }),
      );
    } finally {
      end();
      stopping.abort();
      void work.catch(() => {}).finally(release);
    }
  }

  async function inTime<Answer>(
    { signal, startedMs }: Waiting,
    work: (signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    const { stopping, end } = limitTime(signal, timeoutMs, startedMs);
    try {
      return await untilAborted(stopping.signal, work(stopping.signal));
    } catch (error) {
      throw toProblem(error, signal);
    } finally {
      end();
    }
  }

  return {
    load: reportLimiter,
    inTime,
    run: async (reading, makeReport) => {
      try {
        const report = await runInTurn(reading, makeReport);
        outageLog.recovered();
        return report;
      } catch (error) {
        throw toProblem(error, reading.signal);
      }
    },
    // A check can succeed while every report fails, so it does not end the outage in the log.
    check: async (site_id, ask) => {
      try {
        return await withTimeout(askInTurn(site_id, ask), checkTimeoutMs);
      } catch (error) {
        throw toProblem(error);
      }
    },
  };
}

/** Runs short queries with their own permits, each within `timeoutMs`. */
function createCheckQueries(
  Event: EventModel,
  timeoutMs: number,
  mongoWatch: ReportDatabaseOptions['mongoWatch'],
) {
  const limiter = createSiteLimiter(MAX_CHECKS);
  let rollups: RollupCollections | undefined;

  /** Opened once, because opening them costs more than a check. */
  function openRollups(): RollupCollections {
    rollups ??= openRollupCollections(requireDatabase(Event), { maxTimeMS: timeoutMs });
    return rollups;
  }

  /** Has no signal: a check ends with MongoDB's time limit, or when the watch finds MongoDB away. */
  return async function askInTurn<Answer>(
    site_id: string,
    ask: (rollups: RollupCollections) => Promise<Answer>,
  ): Promise<Answer> {
    const deadlineMs = performance.now() + timeoutMs;
    const release = await limiter.acquire(site_id);
    try {
      if (performance.now() > deadlineMs) {
        throw new TimeoutError(`no permit within ${timeoutMs} ms`);
      }
      return await mongoWatch.whileUp(() => ask(openRollups()));
    } finally {
      release();
    }
  };
}

/** Converts the errors of reports to problems for clients, and logs them. */
function createProblemTranslator(mongoWatch: ReportDatabaseOptions['mongoWatch'], outageLog: OutageLog) {
  return (error: unknown, signal?: AbortSignal): unknown => {
    // An abandoned report has not failed.
    if (error instanceof ProblemError || signal?.aborted) {
      return error;
    }
    if (error instanceof TooManyWaitingError) {
      const detail = 'Too many reports are asked for at once. Try again.';
      return createUnavailableError(detail, refuseReport('busy'));
    }
    // The watch logs that MongoDB is away.
    if (mongoWatch.isUp) {
      outageLog.failed(error as Error);
    }
    return createUnavailableError('The events could not be read in time. Try again.', {
      ...refuseReport(findRefusalReason(error, mongoWatch.isUp)),
      cause: error,
    });
  };
}

/** Logs each bucket once, up to a limit. */
function createUnreadableLog(logger: Logger): (error: RollupUnreadableError) => void {
  const known = new Set<string>();
  return ({ message }) => {
    if (!known.has(message) && known.size < MAX_UNREADABLE_LOGGED) {
      known.add(message);
      logger.warn(
        `A rollup cannot be read: ${message}. Reports read its events, which is slower. Run npm run rollup -- rebuild for that time.`,
      );
    }
  };
}

function createSiteLimiter(maxRunning: number): Limiter {
  const maxRunningOfOwner = Math.max(Math.floor(maxRunning * MAX_SHARE_OF_SITE), 1);
  return createLimiter({ maxRunning, maxRunningOfOwner, maxWaiting: MAX_WAITING });
}
