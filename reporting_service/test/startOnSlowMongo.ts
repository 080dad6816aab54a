import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startOwnMongo } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { afterEach } from 'vitest';
import { startApp } from './startApp.ts';

const SLOW = 'setYieldAllLocksWait';

interface Answer {
  total_views: number;
  total: number;
  meta: { as_of: string };
}

type Mode = 'alwaysOn' | { times: number };

/**
 * Starts a MongoDB of the file's own that a test can slow down until it ends, and lets services be started on
 * it.
 */
export async function startOnSlowMongo() {
  const shared = useTestStack();
  const mongo = await startOwnMongo(['--setParameter', 'enableTestCommands=1']);
  shared.register(() => mongo.remove());
  const stack = { ...shared, MONGO_URI: `mongodb://127.0.0.1:${mongo.port}/analytics` };

  /**
   * Starts the service with two permits, of which one site may have one, and a MongoDB that waits for the
   * test.
   */
  async function start(settings: Record<string, string> = {}, now?: () => number) {
    const started = await startApp(stack, { STATS_MAX_CONCURRENT: '2', ...settings }, now);
    let requests = 0;
    const server = createServer(started.app)
      .on('request', () => {
        requests += 1;
      })
      .listen(0, '127.0.0.1');
    await once(server, 'listening');
    shared.register(() => server.close().closeAllConnections());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const ask = (path: string, signal?: AbortSignal) => fetch(url + path, signal ? { signal } : {});
    return {
      ...started,
      ask,
      get: async (path: string) => (await ask(path)).json() as Promise<Answer>,
      /** How many requests have come. */
      countRequests: () => requests,
    };
  }

  const plain = await start();
  const { admin } = plain;

  const delayCommands = (command: string, blockTimeMS: number, mode: Mode) =>
    admin.command({
      configureFailPoint: 'failCommand',
      mode,
      data: { failCommands: [command], blockConnection: true, blockTimeMS },
    });

  /** MongoDB begins aggregations only after a while: all of them, or some. */
  const delayAggregations = (blockTimeMS: number, mode: Mode = 'alwaysOn') =>
    delayCommands('aggregate', blockTimeMS, mode);

  /**
   * MongoDB takes 20 ms for each event that it reads, between two looks at whether anybody still wants the
   * answer.
   */
  async function slowDownReading(): Promise<void> {
    await admin.command({ setParameter: 1, internalQueryExecYieldIterations: 1 });
    const data = { namespace: 'analytics.events', waitForMillis: 20 };
    await admin.command({ configureFailPoint: SLOW, mode: 'alwaysOn', data });
  }

  /** MongoDB reads as fast as it can again. */
  const readFast = () => admin.command({ configureFailPoint: SLOW, mode: 'off' });

  /** The numbers of the operations that MongoDB works on, or is held up in. */
  async function listOperations(collection: string): Promise<number[]> {
    const { inprog } = (await admin.command({ currentOp: 1, ns: `analytics.${collection}` })) as unknown as {
      inprog: { opid: number }[];
    };
    return inprog.map(({ opid }) => opid);
  }

  afterEach(async () => {
    await admin.command({ configureFailPoint: 'failCommand', mode: 'off' });
    await readFast();
  });

  return { start, plain, admin, delayCommands, delayAggregations, slowDownReading, readFast, listOperations };
}

export const isAny = ({ length }: number[]) => length > 0;
