import { openRollupCollections, type RollupCollections } from '@analytics/rollups/documents';
import type { RollupUnreadableError } from '@analytics/rollups/rollupErrors';
import type { EventModel } from '@analytics/shared/event/eventModel';
import { isGroupTooLarge } from '@analytics/shared/mongo/groupSize';
import { mongo, type PipelineStage } from 'mongoose';
import type { ReportMemory } from './reportMemory.ts';

/** Where the numbers of a report come from: events, rollups or both. The planner decides it. */
export type ReportSource = 'live' | 'rollup' | 'mixed';

/** The data, the time and the memory of one report. */
export interface ReportContext {
  /** When the report began to read (ms since 1970). It contains every event that was stored before. */
  asOfMs: number;
  /** Aborts when no request waits for the report, or its time is over. */
  signal: AbortSignal;
  /** Aggregates events. The result must be small. */
  aggregate<Result>(pipeline: PipelineStage[]): Promise<Result[]>;
  /**
   * Aggregates events with user sets in MongoDB's memory. Resolves with undefined if one is too large for it.
   */
  aggregateInMemory<Result>(pipeline: PipelineStage[]): Promise<Result[] | undefined>;
  /** Aggregates events into any number of documents. Yields up to `batchSize` at a time. */
  stream<Result extends object>(pipeline: PipelineStage[], batchSize: number): AsyncIterable<Result[]>;
  rollups: RollupCollections;
  memory: ReportMemory;
  /** Records the source that answered a question of the report. */
  addSource(source: ReportSource): void;
  /** The source of the answers so far. A report that asks no question reads events itself. */
  readonly source: ReportSource;
  /** Reports a rollup that cannot be read. Its events are read instead. */
  onUnreadable(error: RollupUnreadableError): void;
}

export interface ReportSourceOptions
  extends Pick<ReportContext, 'asOfMs' | 'signal' | 'memory' | 'onUnreadable'> {
  /** MongoDB cancels each command that is still running then, by `performance.now()`. */
  deadlineMs: number;
}

/** @throws MongoNotConnectedError if the connection was not opened yet. */
export function openReportContext(
  Event: EventModel,
  { deadlineMs, signal, ...kept }: ReportSourceOptions,
): ReportContext {
  const db = requireDatabase(Event);
  const events = db.collection(Event.collection.collectionName);
  // MongoDB takes 0 for no limit.
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
  const sources = new Set<ReportSource>();
  return {
    ...kept,
    signal,
    addSource: (source) => {
      sources.add(source);
    },
    get source() {
      const [first = 'live', ...others] = sources;
      return others.length > 0 ? 'mixed' : first;
    },
    aggregate,
    aggregateInMemory: <Result>(pipeline: PipelineStage[]) =>
      aggregate<Result>(pipeline).catch((error: unknown) => {
        if (isGroupTooLarge(error)) {
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
