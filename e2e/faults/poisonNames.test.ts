import { INGEST_EVENT_JOB } from '@analytics/shared/event/eventQueue';
import { expect, test } from 'vitest';
import { type FaultContext, runFault } from './harness/runFault.ts';
import type { ServiceVictim } from './harness/victim.ts';

const ROUNDS = 30;

/** What BullMQ gives the job of a producer that asks for nothing. */
const FOREIGN = { attempts: 1 };

/**
 * Queues a property name that BSON takes for a type of its own, and names that mean something to other code.
 */
async function queuePoisonNames({ system, load, ledger }: FaultContext): Promise<void> {
  const { event_id, ...event } = load.nextEvent();
  const poison = { ...event, properties: { _bsontype: event_id } };
  await system.queue.add(INGEST_EVENT_JOB, poison, FOREIGN);
  ledger.addPoison(JSON.stringify(poison));

  const properties = { toBSON: 'x', toJSON: 'x', constructor: 'x', prototype: 1, hasOwnProperty: true };
  const [entry] = ledger.open([{ ...load.nextEvent(), properties }]);
  await system.queue.add(INGEST_EVENT_JOB, entry?.event, FOREIGN);
  ledger.acknowledge(entry === undefined ? [] : [entry]);
}

test('property names with a special meaning in a library do not delay or fail other events', (context) =>
  runFault(context, {
    name: 'poison property names under load',
    deadLetters: ROUNDS,
    run: async (faultContext) => {
      const { system, load } = faultContext;
      const [worker] = system.workers as [ServiceVictim];
      for (let round = 0; round < ROUNDS; round += 1) {
        await queuePoisonNames(faultContext);
        await load.untilAcknowledged(10);
        expect(await system.queue.getJobCounts('delayed', 'failed')).toEqual({ delayed: 0, failed: 0 });
      }
      const failures = worker.service.log.filter(({ msg }) => msg === 'job failed');
      expect(failures).toEqual([]);
    },
  }));
