import type { DependencyWatch } from '@analytics/shared/dependencyWatch';
import type { EventModel } from '@analytics/shared/eventModel';
import { isTooLargeGroup } from '@analytics/shared/largeGroups';
import type { Logger } from '@analytics/shared/logger';
import { createOutageLog } from '@analytics/shared/outageLog';
import { createUnavailableError, ProblemError } from '@analytics/shared/problem';
import { openRollupCollections, type RollupCollections } from '@analytics/shared/rollup/rollupCollections';
import { mongo, type PipelineStage } from 'mongoose';
import { hasLateEvents } from './rollup/lateEvents.ts';
import type { Span } from './timeRange.ts';

export interface EventReaderOptions {
  /** How long a report may wait and take, in milliseconds: MongoDB works on each of its questions for what is left of that. */
  timeoutMs: number;
  /** How many reports may be worked on at once. As many more may wait; past that they are refused. */
  maxConcurrent: number;
  /** Knows whether MongoDB answers. */
  mongoWatch: Pick<DependencyWatch, 'isUp' | 'whileUp'>;
  logger: Logger;
}

/** What a report is made from. */
export interface ReportSource {
  /** Asks the events themselves. */
  aggregate<Result>(pipeline: PipelineStage[]): Promise<Result[]>;
  /** Asks with a pipeline that keeps sets of users in memory. Undefined if one outgrows it: then another must do without. */
  tryAggregate<Result>(pipeline: PipelineStage[]): Promise<Result[] | undefined>;
  /** What the processor has counted. */
  rollups: RollupCollections;
}

export interface EventReader {
  /**
   * Does the reading of one report, when its turn comes.
   *
   * @throws ProblemError 503 if MongoDB could not answer in time, or too many reports are asked for at once.
   */
  read<Report>(makeReport: (source: ReportSource) => Promise<Report>): Promise<Report>;
  /**
   * Whether an hour that is over has events which are not rolled up. Undefined is all time.
   *
   * @throws ProblemError 503 if MongoDB does not answer.
   */
  hasLateEvents(site_id: string, span: Span | undefined, nowMs: number): Promise<boolean>;
}

/** Opens the reading end of the stored events. */
export function createEventReader(Event: EventModel, options: EventReaderOptions): EventReader {
  const { timeoutMs, maxConcurrent, mongoWatch, logger } = options;
  const outageLog = createOutageLog({ began: 'a report failed', ended: 'reports work again' }, logger);
  const waiting: (() => void)[] = [];
  let running = 0;

  async function takeTurn(): Promise<void> {
    if (running < maxConcurrent) {
      running += 1;
      return;
    }
    if (waiting.length >= maxConcurrent) {
      throw createUnavailableError('Too many reports are asked for at once. Try again.');
    }
    await new Promise<void>((resolve) => waiting.push(resolve));
  }

  function passTurn(): void {
    const next = waiting.shift();
    if (next) {
      next();
    } else {
      running -= 1;
    }
  }

  function openSource(deadlineMs: number): ReportSource {
    const { db } = Event.db;
    if (db === undefined) {
      throw new mongo.MongoNotConnectedError('The connection to MongoDB was not opened yet.');
    }
    // To MongoDB, 0 would mean without a limit.
    const findTimeLeft = () => Math.max(Math.ceil(deadlineMs - performance.now()), 1);
    const aggregate = <Result>(pipeline: PipelineStage[]) =>
      Event.aggregate<Result>(pipeline).option({ maxTimeMS: findTimeLeft() }).allowDiskUse(true).exec();
    return {
      aggregate,
      tryAggregate: <Result>(pipeline: PipelineStage[]) =>
        aggregate<Result>(pipeline).catch((error: unknown) => {
          if (isTooLargeGroup(error)) {
            return undefined;
          }
          throw error;
        }),
      rollups: openRollupCollections(db, {
        get maxTimeMS() {
          return findTimeLeft();
        },
      }),
    };
  }

  return {
    hasLateEvents: (site_id, span, nowMs) =>
      mongoWatch
        .whileUp(async () =>
          hasLateEvents(openSource(performance.now() + timeoutMs).rollups, site_id, span, nowMs),
        )
        .catch((error: Error) => {
          throw createUnavailableError('The events could not be read in time. Try again.', error);
        }),
    read: async (makeReport) => {
      const deadlineMs = performance.now() + timeoutMs;
      await takeTurn();
      try {
        if (performance.now() >= deadlineMs) {
          throw createUnavailableError('The report had to wait for others for too long. Try again.');
        }
        const report = await mongoWatch.whileUp(async () => makeReport(openSource(deadlineMs)));
        outageLog.recovered();
        return report;
      } catch (error) {
        if (error instanceof ProblemError) {
          throw error;
        }
        // That MongoDB is away is the watch's to log; what else can go wrong is this report's.
        if (mongoWatch.isUp) {
          outageLog.failed(error as Error);
        }
        throw createUnavailableError('The events could not be read in time. Try again.', error);
      } finally {
        passTurn();
      }
    },
  };
}
