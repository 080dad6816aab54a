import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { test } from 'vitest';
import type { Proxies } from './harness/proxies.ts';
import { runFault } from './harness/runFault.ts';
import type { System } from './harness/system.ts';
import type { TcpProxy } from './harness/tcpProxy.ts';

interface Line {
  proxy: keyof Proxies;
  /** Only what lies before the queue may make a client wait. */
  mayRefuse: boolean;
}

const LINES: [name: string, line: Line][] = [
  ['ingestion and Redis', { proxy: 'ingestionToRedis', mayRefuse: true }],
  ['worker and Redis', { proxy: 'workerToRedis', mayRefuse: false }],
  ['worker and MongoDB', { proxy: 'workerToMongo', mayRefuse: false }],
];

/** More than the answers to a few signs of life: a job that Redis hands out is among it. */
const SWALLOWED_BYTES = 300;

const RESETS = 5;

const findProxy = ({ proxies }: System, name: keyof Proxies) => proxies?.[name] as TcpProxy;

test.for(LINES)(
  'nothing is lost or doubled when the replies between %s vanish',
  ([name, { proxy, mayRefuse }], context) =>
    runFault(context, {
      name: `replies swallowed between ${name}`,
      system: { isProxied: true },
      rules: { mayRefuse, mayCut: false },
      run: async ({ system, load }) => {
        const line = findProxy(system, proxy);
        line.swallowReplies();
        await waitUntil(() => line.swallowedBytes >= SWALLOWED_BYTES);
        await (mayRefuse ? load.untilAnswered(503, 20) : load.untilAcknowledged(300));
        line.recover();
      },
    }),
);

test.for(LINES)(
  'nothing is lost or doubled when the connections between %s are reset again and again',
  ([name, { proxy, mayRefuse }], context) =>
    runFault(context, {
      name: `connections reset between ${name}`,
      system: { isProxied: true },
      rules: { mayRefuse, mayCut: false },
      run: async ({ system, load }) => {
        for (let reset = 1; reset <= RESETS; reset += 1) {
          findProxy(system, proxy).reset();
          await load.untilAcknowledged(50);
        }
      },
    }),
);
