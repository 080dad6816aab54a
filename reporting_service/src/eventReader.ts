import { openRollupCollections, type RollupCollections } from '@analytics/rollups/documents';
import type { RollupUnreadableError } from '@analytics/rollups/rollupErrors';
import { TimeoutError, withTimeout } from '@analytics/shared/async/withTimeout';
import type { EventModel } from '@analytics/shared/event/eventModel';
import { createUnavailableError, ProblemError } from '@analytics/shared/http/problem';
import type { DependencyWatch } from '@analytics/shared/service/dependencyWatch';
import type { Logger } from '@analytics/shared/service/logger';
import { createOutageLog } from '@analytics/shared/service/outageLog';
import { limitTime, untilAborted } from './limitTime.ts';
import { createReportMemory, type ReportMemory } from './reportMemory.ts';
import { openReportSource, type ReportSource, requireDatabase } from './reportSource.ts';
import { createTurns, TooManyWaitingError, type Turns } from './turns.ts';

/**
 * As many as the HTTP server has connections, so that only a client that does not wait for its answers meets
 * this limit.
 */
const MAX_WAITING = 10_000;

/** One site may have this share of all turns. */
const MAX_SHARE_OF_SITE = 3 / 4;

/**
 * Looks at invalidations are short. They have turns of their own, so that no kept answer waits behind
 * reports.
 */
const MAX_CHECKS = 4;

const MAX_UNREADABLE_LOGGED = 100;

export interface EventReaderOptions {
  /**
   * How long a request may wait for its report, and how long a reading may take once it has its turn, in
   * milliseconds.
   */
  timeoutMs: number;
  /** How many reports may be worked on at once. The others wait. */
  maxConcurrent: number;
  /** Knows whether MongoDB answers. */
  mongoWatch: Pick<DependencyWatch, 'isUp' | 'whileUp'>;
  logger: Logger;
  /** Milliseconds since 1970. */
  now: () => number;
  memory?: ReportMemory;
}

/** For whom and how long to read. */
export interface Reading {
  /** Whose turn it takes. */
  site_id: string;
  /** Aborts when no request waits for it. */
  signal: AbortSignal;
}

/** A request that waits. */
export interface Waiting {
  /** Aborts when the client has left. */
  signal: AbortSignal;
  /** When the request came, by `performance.now()`. */
  startedMs: number;
}

export interface EventReader {
  /**
   * Lets a request wait for work no longer than it may, whatever that waits for.
   *
   * @throws ProblemError 503 when the time of the request is over.
   * @throws the signal's reason once it aborts.
   */
  inTime<Answer>(waiting: Waiting, work: (signal: AbortSignal) => Promise<Answer>): Promise<Answer>;
  /**
   * Does the reading of one report, when its turn comes. Waits for the turn until the signal aborts, and
   * gives it back when the work has stopped.
   *
   * @throws ProblemError 503 if the reading takes longer than a request may wait, or MongoDB is away.
   */
  read<Report>(reading: Reading, makeReport: (source: ReportSource) => Promise<Report>): Promise<Report>;
  /**
   * Asks something short in the turn of a site, which waits for no report. It has half of a request's time: a
   * request may wait for two checks.
   *
   * @throws ProblemError 503 if MongoDB could not answer in that time, or is away.
   */
  check<Answer>(site_id: string, ask: (rollups: RollupCollections) => Promise<Answer>): Promise<Answer>;
}

/** Opens the reading end of the stored events. */
export function createEventReader(Event: EventModel, options: EventReaderOptions): EventReader {
  const { timeoutMs, maxConcurrent, mongoWatch, logger, now, memory = createReportMemory() } = options;
  const outageLog = createOutageLog({ began: 'a report failed', ended: 'reports work again' }, logger);
  const onUnreadable = createUnreadableLog(logger);
  const reportTurns = createSiteTurns(maxConcurrent);
  const checkTurns = createSiteTurns(MAX_CHECKS);
  const checkTimeoutMs = Math.ceil(timeoutMs / 2);
  let checkedRollups: RollupCollections | undefined;

  /**
   * Aborts what it reads when the caller leaves, when its time is over, and when the reading has failed in
   * one of its parts.
   */
  async function readInTurn<Report>(
    { site_id, signal }: Reading,
    makeReport: (source: ReportSource) => Promise<Report>,
  ): Promise<Report> {
    const passTurn = await reportTurns.take(site_id, signal);
    const deadlineMs = performance.now() + timeoutMs;
    const { stopping, end } = limitTime(signal, timeoutMs);
    let work: Promise<unknown> = Promise.resolve();
    try {
      stopping.signal.throwIfAborted();
      return await untilAborted(
        stopping.signal,
        mongoWatch.whileUp(async () => {
          const report = makeReport(
            openReportSource(Event, {
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
      void work.catch(() => {}).finally(passTurn);
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

  /**
   * Without a signal of its own: a check ends with MongoDB's time limit, or when the watch finds MongoDB
   * away.
   */
  async function askInTurn<Answer>(
    site_id: string,
    ask: (rollups: RollupCollections) => Promise<Answer>,
  ): Promise<Answer> {
    const deadlineMs = performance.now() + checkTimeoutMs;
    const passTurn = await checkTurns.take(site_id);
    try {
      if (performance.now() > deadlineMs) {
        throw new TimeoutError(`no turn within ${checkTimeoutMs} ms`);
      }
      return await mongoWatch.whileUp(() => ask(openCheckedRollups()));
    } finally {
      passTurn();
    }
  }

  function toProblem(error: unknown, signal?: AbortSignal): unknown {
    // A report that was given up has not failed.
    if (error instanceof ProblemError || signal?.aborted) {
      return error;
    }
    if (error instanceof TooManyWaitingError) {
      return createUnavailableError('Too many reports are asked for at once. Try again.');
    }
    // That MongoDB is away is the watch's to log; what else can go wrong is this report's.
    if (mongoWatch.isUp) {
      outageLog.failed(error as Error);
    }
    return createUnavailableError('The events could not be read in time. Try again.', error);
  }

  /** Opened once: the driver spends more on opening them than on a check. */
  function openCheckedRollups(): RollupCollections {
    checkedRollups ??= openRollupCollections(requireDatabase(Event), { maxTimeMS: checkTimeoutMs });
    return checkedRollups;
  }

  return {
    inTime,
    read: async (reading, makeReport) => {
      try {
        const report = await readInTurn(reading, makeReport);
        outageLog.recovered();
        return report;
      } catch (error) {
        throw toProblem(error, reading.signal);
      }
    },
    // A check is short, and can succeed while no report does: that it did says nothing to the log.
    check: async (site_id, ask) => {
      try {
        return await withTimeout(askInTurn(site_id, ask), checkTimeoutMs);
      } catch (error) {
        throw toProblem(error);
      }
    },
  };
}

/** Logs each bucket once, and no more of them than anybody would read. */
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

function createSiteTurns(maxRunning: number): Turns {
  const maxRunningOfOwner = Math.max(Math.floor(maxRunning * MAX_SHARE_OF_SITE), 1);
  return createTurns({ maxRunning, maxRunningOfOwner, maxWaiting: MAX_WAITING });
}
