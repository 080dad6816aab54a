import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { chunk } from '@analytics/shared/async/chunk';
import { INGEST_BATCH_JOB } from '@analytics/shared/event/eventQueue';
import { expect, inject, test } from 'vitest';
import { type KeyedEvent, toEventJob } from './harness/ledger.ts';
import { readPeakMemoryMb } from './harness/peakMemory.ts';
import { runFault } from './harness/runFault.ts';
import type { ServiceVictim } from './harness/victim.ts';

const SITE = 'unbounded';
const PROPERTIES = 20;
const START_MS = Date.parse('2025-11-12T08:00:00Z');
const MAX_MEMORY_MB = 400;

/** The next look for due invalidations, and the rolling up of millions of values on a busy machine. */
const ROLL_UP_TIMEOUT_MS = 240_000;

/** From this level on a line of the log is a warning. */
const WARNING = 40;

/** Events of one hour or more, each of whose properties has a value of its own. */
function createEvents(count: number, hours: number): KeyedEvent[] {
  const stepMs = Math.floor((hours * 3_600_000) / count);
  return Array.from({ length: count }, (_, index) => ({
    site_id: SITE,
    event_id: `unbounded-${index}`,
    event_type: 'page_view',
    path: `/page-${index % 14}`,
    user_id: `user-${index % 9973}`,
    timestamp: new Date(START_MS + index * stepMs).toISOString(),
    properties: Object.fromEntries(
      Array.from({ length: PROPERTIES }, (_, property) => [`p${property}`, `${index}-${property}`]),
    ),
  }));
}

test.for([1, 4])(
  'properties of unbounded values in %i hours are rolled up in bounded memory while events are stored',
  {
    timeout: 600_000,
  },
  (hours, context) =>
    runFault(context, {
      name: `rollups of unbounded properties in ${hours} h`,
      run: async ({ system, load, ledger }) => {
        const { database, queue } = system;
        const [worker] = system.workers as [ServiceVictim];
        const invalidations = database.collection('rollup_invalidations');
        const warnings = worker.service.log.length;
        const count = inject('faults').isShort ? 50_000 : 200_000;
        // Clients are answered while Redis takes hundreds of megabytes, but not in the usual time.
        await load.pause();
        for (const events of chunk(createEvents(count, hours), 500)) {
          const entries = ledger.open(events);
          await queue.add(INGEST_BATCH_JOB, { events: entries.map(toEventJob) });
          ledger.acknowledge(entries);
        }
        await waitUntil(
          () => database.collection('events').countDocuments({ site_id: SITE }),
          (stored) => stored === count,
          ROLL_UP_TIMEOUT_MS,
        );

        load.resume();
        // The leases end now.
        await invalidations.updateMany({ '_id.site_id': SITE }, { $set: { due_at: new Date(0) } });
        await waitUntil(
          () => invalidations.countDocuments({ '_id.site_id': SITE }),
          (left) => left === 0,
          ROLL_UP_TIMEOUT_MS,
        );
        await load.untilAcknowledged(100);

        const memoryMb = await readPeakMemoryMb(worker.pid);
        await context.annotate(
          `${count} events rolled up: the worker took ${Math.round(memoryMb)} MB at most`,
        );
        expect(memoryMb).toBeLessThan(MAX_MEMORY_MB);
        expect(worker.service.log.slice(warnings).filter(({ level }) => Number(level) >= WARNING)).toEqual(
          [],
        );
        const rolledUp = await database
          .collection('rollup_counts')
          .distinct('_id.granularity', { 'views.0': { $gt: 14 } });
        expect(rolledUp.sort()).toEqual(['day', 'hour', 'month']);
      },
    }),
);
