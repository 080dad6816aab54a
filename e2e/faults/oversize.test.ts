import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readNodeArgs } from '@analytics/local-stack/nodeArgs';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { INGEST_BATCH_JOB } from '@analytics/shared/event/eventQueue';
import { Queue } from 'bullmq';
import { expect, test } from 'vitest';
import { createHttpSender } from './harness/httpSender.ts';
import { type KeyedEvent, type Ledger, toEventJob } from './harness/ledger.ts';
import type { Load } from './harness/loadGenerator.ts';
import { runFault } from './harness/runFault.ts';
import type { System } from './harness/system.ts';

const OVERSIZE_JOBS = 2;

/** A job of 18 MiB, where 16 are read. */
const JOB_EVENTS = 300;

const SINGLE_REQUESTS = 160;
const BATCH_REQUESTS = 16;
const CONNECTIONS = 8;

/**
 * What fills an event up to the 64 KiB that one may have: texts of the greatest length, three bytes a
 * character.
 */
const PROPERTIES = Object.fromEntries(
  Array.from({ length: 20 }, (_, index) => [`p${index}`, '語'.repeat(1024)]),
);

/** As many of these as a body of 512 KiB holds. */
const BATCH_EVENTS = 8;

const enlarge = (event: KeyedEvent): KeyedEvent => ({ ...event, properties: PROPERTIES });

/** Queues jobs that no worker reads, as a program with BullMQ alone may: good events and one that is none. */
async function queueOversizeJobs({ redisClient, queue }: System, load: Load, ledger: Ledger) {
  const foreignQueue = new Queue(queue.name, { connection: redisClient, prefix: queue.opts.prefix ?? '' });
  const ids: string[] = [];
  for (let job = 0; job < OVERSIZE_JOBS; job += 1) {
    const entries = ledger.open(Array.from({ length: JOB_EVENTS }, () => enlarge(load.nextEvent())));
    const poison = { poison: job };
    const { id = '' } = await foreignQueue.add(INGEST_BATCH_JOB, {
      events: [...entries.map(toEventJob), poison],
    });
    ledger.acknowledge(entries);
    ledger.addPoison(JSON.stringify(poison));
    ids.push(id);
  }
  await foreignQueue.close();
  return ids;
}

/** Posts the largest events and batches that are admitted, beside the load. */
async function postLargest({ ingestion }: System, load: Load, ledger: Ledger): Promise<void> {
  const sender = createHttpSender(ledger);
  const sizes = [...Array(SINGLE_REQUESTS).fill(1), ...Array(BATCH_REQUESTS).fill(BATCH_EVENTS)];
  const post = async () => {
    for (let size = sizes.pop(); size !== undefined; size = sizes.pop()) {
      const events = Array.from({ length: size }, () => enlarge(load.nextEvent()));
      await sender.post(ingestion.service.url, ledger.open(events));
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, post));
  sender.close();
}

/** Runs the command as an operator does. Resolves with what it says. */
async function runCommand({ settings }: System, ...args: string[]): Promise<string> {
  const command = readNodeArgs(join(import.meta.dirname, '../../processor_service'), 'dead-letters');
  const { stdout } = await promisify(execFile)(process.execPath, [...command, ...args], {
    env: { ...process.env, ...settings },
  });
  return stdout;
}

test('the command finds and splits jobs too large to be read, also next to events of the maximum size', (context) =>
  runFault(context, {
    name: 'oversize jobs and the largest events',
    deadLetters: OVERSIZE_JOBS,
    run: async ({ system, load, ledger }) => {
      const posting = postLargest(system, load, ledger);
      const ids = await queueOversizeJobs(system, load, ledger);
      await posting;
      await waitUntil(async () => (await system.queue.getFailedCount()) === OVERSIZE_JOBS);

      const list = await runCommand(system, 'oversize');
      const answers = [];
      for (const id of ids) {
        answers.push(await runCommand(system, 'split', id, '--yes'));
      }

      const failed = list.match(/^\d+(?= {2})/gm) ?? [];
      expect(failed.sort()).toEqual(ids.sort());
      expect(answers).toEqual(
        ids.map(() =>
          expect.stringMatching(
            `is split: ${JOB_EVENTS} events to the queue, 1 item to the dead letters\\.\\n$`,
          ),
        ),
      );
      expect(system.workers.flatMap(({ service }) => service.log)).toEqual(
        expect.arrayContaining(
          ids.map((id) =>
            expect.objectContaining({
              job_id: id,
              reason: expect.stringContaining(`npm run dead-letters -- split ${id} `),
            }),
          ),
        ),
      );
    },
  }));
