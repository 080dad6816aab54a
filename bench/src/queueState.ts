import { Queue } from 'bullmq';
import type { Scope } from './scopes.ts';
import type { BenchRedis } from './stack.ts';

export interface QueueState {
  /** Jobs that still have to be done. */
  countUnfinished(): Promise<number>;
  countFailed(): Promise<number>;
}

/** Opens a look at the queue; the naive one and ours have the same name. */
export function openQueueState(scope: Scope, redis: BenchRedis): QueueState {
  const queue = new Queue('eventQueue', { connection: { host: '127.0.0.1', port: redis.port } });
  // Without a listener a connection that breaks would end the process; the call under way fails all the same.
  queue.on('error', () => {});
  scope.register(() => queue.close());
  return {
    countUnfinished: () => queue.getJobCountByTypes('waiting', 'active', 'delayed', 'prioritized'),
    countFailed: () => queue.getJobCountByTypes('failed'),
  };
}
