import { openRollupCollections, type RollupCollections } from '@analytics/rollups/documents';
import type { RollupUnreadableError } from '@analytics/rollups/rollupErrors';
import type { EventModel } from '@analytics/shared/event/eventModel';
import { isTooLargeGroup } from '@analytics/shared/mongo/groupSize';
import { mongo, type PipelineStage } from 'mongoose';
import type { ReportMemory } from './reportMemory.ts';

/** What a report is made from. */
export interface ReportSource {
  /** When the reading began, in milliseconds since 1970: what was stored before is in the report. */
  asOfMs: number;
  /** Aborts when no request waits for the report, or its time is over. */
  signal: AbortSignal;
  /** Asks the events themselves. The result must be small. */
  aggregate<Result>(pipeline: PipelineStage[]): Promise<Result[]>;
  /**
   * Asks with a pipeline that keeps sets of users in memory. Undefined if one outgrows it: then another must
   * do without.
   */
  tryAggregate<Result>(pipeline: PipelineStage[]): Promise<Result[] | undefined>;
  /** Asks for what may be too much to hold. Yields `batchSize` documents at a time. */
  stream<Result extends object>(pipeline: PipelineStage[], batchSize: number): AsyncIterable<Result[]>;
  /** What the processor has counted. */
  rollups: RollupCollections;
  memory: ReportMemory;
  /** Notes that a rollup cannot be read, and events are read in its place. */
  onUnreadable(error: RollupUnreadableError): void;
}

export interface ReportSourceOptions
  extends Pick<ReportSource, 'asOfMs' | 'signal' | 'memory' | 'onUnreadable'> {
  /** By `performance.now()`: MongoDB gives up each command that is not done by then. */
  deadlineMs: number;
}

/** @throws MongoNotConnectedError if the connection was not opened yet. */
export function openReportSource(
  Event: EventModel,
  { deadlineMs, signal, ...kept }: ReportSourceOptions,
): ReportSource {
  const db = requireDatabase(Event);
  const events = db.collection(Event.collection.collectionName);
  // To MongoDB, 0 would mean without a limit.
  const findTimeLeft = () => Math.max(Math.ceil(deadlineMs - performance.now()), 1);
  const open = <Result extends object>(pipeline: PipelineStage[], options: { batchSize?: number } = {}) =>
    events.aggregate<Result>(pipeline, {
      maxTimeMS: findTimeLeft(),
      allowDiskUse: true,
      signal,
      ...options,
    });
  const aggregate = <Result>(pipeline: PipelineStage[]) =>
    open<Result & object>(pipeline).toArray() as Promise<Result[]>;
  return {
    ...kept,
    signal,
    aggregate,
    tryAggregate: <Result>(pipeline: PipelineStage[]) =>
      aggregate<Result>(pipeline).catch((error: unknown) => {
        if (isTooLargeGroup(error)) {
          return undefined;
        }
        throw error;
      }),
    stream: async function* <Result extends object>(pipeline: PipelineStage[], batchSize: number) {
      const cursor = open<Result>(pipeline, { batchSize });
      try {
        while (await cursor.hasNext()) {
          yield cursor.readBufferedDocuments() as Result[];
        }
      } finally {
        await cursor.close();
      }
    },
    rollups: openRollupCollections(db, {
      get maxTimeMS() {
        return findTimeLeft();
      },
      signal,
    }),
  };
}

/** @throws MongoNotConnectedError if the connection was not opened yet. */
export function requireDatabase(Event: EventModel): mongo.Db {
  const { db } = Event.db;
  if (db === undefined) {
    throw new mongo.MongoNotConnectedError('The connection to MongoDB was not opened yet.');
  }
  return db;
}
