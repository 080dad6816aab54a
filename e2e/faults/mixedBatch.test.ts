import { eventJobOptions, INGEST_BATCH_JOB, INGEST_EVENT_JOB } from '@analytics/shared/event/eventQueue';
import { test } from 'vitest';
import { type KeyedEvent, type Ledger, type LedgerEntry, toEventJob } from './harness/ledger.ts';
import { runFault } from './harness/runFault.ts';
import type { System } from './harness/system.ts';

const BATCHES = 20;

/** What is no event, each in its own way; `mark` tells one batch's from another's. */
function createPoisons(event: KeyedEvent, mark: string): unknown[] {
  return [
    `nonsense ${mark}`,
    [mark],
    { ...event, site_id: undefined, event_type: mark },
    { ...event, path: '', event_type: mark },
    { ...event, user_id: { $ne: mark } },
    { ...event, timestamp: `at ${mark}` },
    { ...event, price: mark },
    { ...event, _id: mark },
  ];
}

/**
 * Queues a batch as another producer might: good events with and without an `_id`, each three times, among
 * poison.
 */
async function queueMixedBatch({ queue }: System, ledger: Ledger, good: LedgerEntry[], poisons: unknown[]) {
  const own = good.map(toEventJob);
  const foreign = good.map(({ event }) => event);
  const events = [...own, ...poisons, ...foreign, ...own];
  await queue.add(INGEST_BATCH_JOB, { events }, eventJobOptions);
  ledger.acknowledge(good);
  for (const poison of poisons) {
    ledger.addPoison(JSON.stringify(poison));
  }
}

/** Queues a job and breaks its data before a worker sees it. */
async function queueUndecodable({ queue, redisClient, workers: [worker] }: System, ledger: Ledger) {
  const text = '{"site_id":"shop","event_type":';
  await worker?.freeze();
  const { id } = await queue.add(INGEST_EVENT_JOB, {}, eventJobOptions);
  await redisClient.hset(queue.toKey(id as string), 'data', text);
  worker?.resume();
  ledger.addPoison(JSON.stringify(text));
}

test('in a job with valid events, duplicates and poison, the valid events are stored once and each poison becomes its own dead letter', (context) =>
  runFault(context, {
    name: 'duplicates, poison and good events in one batch',
    deadLetters: BATCHES * createPoisons({} as KeyedEvent, '').length + 1,
    run: async ({ system, load, ledger }) => {
      await queueUndecodable(system, ledger);
      for (let batch = 0; batch < BATCHES; batch += 1) {
        const earlier = [...ledger.entries.values()].filter(({ isAcknowledged }) => isAcknowledged).slice(-5);
        const fresh = ledger.open([load.nextEvent(), load.nextEvent(), load.nextEvent()]);
        const poisons = createPoisons(load.nextEvent(), `batch-${batch}`);
        await queueMixedBatch(system, ledger, [...earlier, ...fresh], poisons);
        await load.untilAcknowledged(20);
      }
    },
  }));
