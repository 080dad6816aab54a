import type { DependencyWatch } from '@analytics/shared/dependencyWatch';
import type { EventModel } from '@analytics/shared/eventModel';
import type { Logger } from '@analytics/shared/logger';
import { createOutageLog } from '@analytics/shared/outageLog';
import { createUnavailableError } from '@analytics/shared/problem';
import type { PipelineStage } from 'mongoose';

export interface EventReaderOptions {
  /** How long MongoDB may work on one aggregation, in milliseconds. */
  timeoutMs: number;
  /** How many aggregations may run at once. As many more may wait; past that they are refused. */
  maxConcurrent: number;
  /** Knows whether MongoDB answers. */
  mongoWatch: Pick<DependencyWatch, 'isUp' | 'whileUp'>;
  logger: Logger;
}

export interface EventReader {
  /** @throws ProblemError 503 if MongoDB could not answer in time, or too many reports are asked for at once. */
  aggregate<Result>(pipeline: PipelineStage[]): Promise<Result[]>;
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

  return {
    aggregate: async <Result>(pipeline: PipelineStage[]) => {
      await takeTurn();
      try {
        const results = await mongoWatch.whileUp(() =>
          Event.aggregate<Result>(pipeline).option({ maxTimeMS: timeoutMs }).allowDiskUse(true).exec(),
        );
        outageLog.recovered();
        return results;
      } catch (error) {
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
