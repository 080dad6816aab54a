import type { Bench } from './bench.ts';
import type { startIngestion } from './contenders.ts';
import type { BenchRedis } from './stack.ts';

export interface FillOptions {
  /** Starts the service that queues; it has ended when the queue is full. */
  startProducer: typeof startIngestion;
  /** How many at least; what comes until the load ends is queued too. */
  events: number;
  /** Of load at a time. */
  seconds: number;
}

/**
 * Fills the queue as its producer does under full load, which decides how many events a job has. Resolves
 * with how many were accepted.
 *
 * @throws Error if none are.
 */
export async function fillQueue(bench: Bench, redis: BenchRedis, options: FillOptions): Promise<number> {
  const { startProducer, events, seconds } = options;
  return bench.scopes.run(async (scope) => {
    const { url } = await startProducer(bench, scope, redis);
    let accepted = 0;
    while (accepted < events) {
      const load = { url: `${url}/event`, bodiesFile: bench.eventBodies, seconds };
      const result = await bench.loadGenerator.run(scope, load);
      if (result.accepted === 0) {
        throw new Error('No event is accepted, so there is nothing to drain.');
      }
      accepted += result.accepted;
    }
    return accepted;
  });
}
