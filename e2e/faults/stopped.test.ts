import { test } from 'vitest';
import { FOUR_VICTIMS } from './harness/fourVictims.ts';
import { runFault } from './harness/runFault.ts';
import type { ServiceVictim } from './harness/victim.ts';

test.for(FOUR_VICTIMS)(
  'no event is lost or duplicated when %s receives SIGTERM under load',
  (target, context) =>
    runFault(context, {
      name: `${target[0]} stopped`,
      rules: target[1].rules,
      run: async ({ system }) => {
        const victim = target[1].find(system);
        await victim.terminate();
        await victim.restart();
      },
    }),
);

test('a worker that receives SIGTERM while MongoDB hangs exits in time, and its jobs are not lost', (context) =>
  runFault(context, {
    name: 'worker stopped while mongod is frozen',
    run: async ({ system, load }) => {
      const [worker] = system.workers as [ServiceVictim];
      await system.mongo.freeze();
      await load.untilAcknowledged(100);
      await worker.terminate();
      system.mongo.resume();
      await worker.restart();
    },
  }));

test('an ingestion service that receives SIGTERM while Redis hangs exits in time', (context) =>
  runFault(context, {
    name: 'ingestion stopped while Redis is frozen',
    rules: { mayRefuse: true, mayCut: true },
    run: async ({ system, load }) => {
      await system.redis.freeze();
      await load.untilAnswered(503, 20);
      await system.ingestion.terminate();
      system.redis.resume();
      await system.ingestion.restart();
    },
  }));
