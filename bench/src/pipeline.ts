import { setTimeout as delay } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { mongo } from 'mongoose';
import type { Scope } from './scopes.ts';
import type { MongoSettings, RedisSettings } from './servers.ts';
import type { Point } from './statistics.ts';

/** Often enough for a drain of a few seconds, and too rarely to slow the servers down. */
const INTERVAL_MS = 50;
const STALL_MS = 60_000;

/** Counts the events on their way from the queue to MongoDB. */
export interface Pipeline {
  countStored(): Promise<number>;
  /** Jobs that are neither completed nor failed. */
  countUnfinished(): Promise<number>;
  countFailed(): Promise<number>;
}

/** Opens connections to count with; they close with the scope. */
export async function openPipeline(
  scope: Scope,
  { REDIS_PORT, MONGO_URI }: RedisSettings & MongoSettings,
): Promise<Pipeline> {
  const countStored = await openStoredCount(scope, MONGO_URI);
  const queue = new Queue('eventQueue', { connection: { host: '127.0.0.1', port: Number(REDIS_PORT) } });
  // Without a listener, a broken connection ends the process. The pending call rejects in any case.
  queue.on('error', () => {});
  scope.register(() => queue.close());
  return {
    countStored,
    countUnfinished: () => queue.getJobCountByTypes('waiting', 'active', 'delayed', 'prioritized'),
    countFailed: () => queue.getJobCountByTypes('failed'),
  };
}

/** Opens the collection's own counter, which costs nothing and is exact unless the server crashes. */
export async function openStoredCount(scope: Scope, mongoUri: string): Promise<() => Promise<number>> {
  const client = await mongo.MongoClient.connect(mongoUri);
  scope.register(() => client.close());
  return () => client.db().collection('events').estimatedDocumentCount();
}

/**
 * Reads a count every 50 ms until `isOver`; reads the last point after that.
 *
 * @throws Error if the count does not change for a minute.
 */
export async function watchCount(
  read: () => Promise<number>,
  isOver: () => Promise<boolean> | boolean,
): Promise<Point[]> {
  const points: Point[] = [];
  let changedMs = performance.now();
  for (let over = false; !over; ) {
    over = await isOver();
    const point = { value: await read(), atMs: performance.now() };
    if (point.value !== points.at(-1)?.value) {
      changedMs = point.atMs;
    }
    points.push(point);
    if (point.atMs - changedMs > STALL_MS) {
      throw new Error(`No event was stored for ${STALL_MS / 1000} s: ${point.value} are stored, more wait.`);
    }
    await delay(over ? 0 : INTERVAL_MS);
  }
  return points;
}

export interface Outcome {
  accepted: number;
  stored: number;
  failedJobs: number;
}

/**
 * One remark for each run that did not store all accepted events. A run may store more events than it counts
 * as accepted: requests in flight at the end of the load are not counted.
 */
export function remarkLoss(name: string, outcomes: readonly Outcome[]): string[] {
  return outcomes.flatMap(({ accepted, stored, failedJobs }) => {
    const missing = Math.max(0, accepted - stored);
    const parts = [
      ...(missing > 0 ? [`${missing.toLocaleString('en')} accepted events are not stored`] : []),
      ...(failedJobs > 0 ? [`${failedJobs.toLocaleString('en')} jobs failed`] : []),
    ];
    return parts.length > 0 ? [`${name}: ${parts.join(', ')}`] : [];
  });
}
