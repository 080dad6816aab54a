import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import {
  INGEST_BATCH_JOB,
  INGEST_EVENT_JOB,
  MAX_JOB_BYTES,
  SerializedData,
} from '@analytics/shared/event/eventQueue';
import { expect, inject, onTestFinished, test } from 'vitest';
import { readPeakMemoryMb } from './harness/peakMemory.ts';
import { startSystem } from './harness/system.ts';
import type { ServiceVictim } from './harness/victim.ts';

/** What a worker promises (docs/decisions/0014). */
const MAX_MEMORY_MB = 400;

const STORE_TIMEOUT_MS = 120_000;

/** From this level on a line of the log is a warning. */
const WARNING = 40;

const BASE = { site_id: 's', event_type: 'v', path: '/', timestamp: '2025-11-12T08:00:00Z' };

/** 20 properties of the greatest length, or 18 KB. */
const WIDE = { ...BASE, properties: fill('x'.repeat(900)) };

/** The same, of texts that take two bytes a character in memory and three in JSON. */
const WIDE_HAN = { ...BASE, properties: fill('語'.repeat(1024)) };

function fill(text: string): Record<string, string> {
  return Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`p${index}`, text]));
}

interface Shape {
  name: string;
  event: object;
  /** Default: as many as fit into a job. */
  eventsPerJob?: number;
  jobs: number;
  shortJobs: number;
}

const shapes: Shape[] = [
  { name: 'of 100 events of 18 KB', event: WIDE, eventsPerJob: 100, jobs: 200, shortJobs: 120 },
  { name: 'as long as a job may be', event: WIDE, jobs: 100, shortJobs: 20 },
  { name: 'as long as a job may be, in Chinese', event: WIDE_HAN, jobs: 100, shortJobs: 20 },
  { name: 'as long as a job may be, of very short events', event: BASE, jobs: 4, shortJobs: 2 },
];

function createJobData(event: object, count: number | undefined): { data: SerializedData; events: number } {
  const json = JSON.stringify(event);
  const frame = '{"events":[]}'.length;
  const events = count ?? Math.floor((MAX_JOB_BYTES - frame) / (Buffer.byteLength(json) + 1));
  const text = `{"events":[${Array(events).fill(json).join(',')}]}`;
  return { data: new SerializedData(text, Buffer.byteLength(text)), events };
}

test.for(shapes)(
  'jobs $name are stored in bounded memory, behind small ones',
  { timeout: 900_000 },
  async (shape, { annotate }) => {
    const system = await startSystem();
    onTestFinished(() => system.remove(), 60_000);
    const { queue, database } = system;
    const [worker] = system.workers as [ServiceVictim];
    const jobs = inject('faults').isShort ? shape.shortJobs : shape.jobs;
    const { data, events } = createJobData(shape.event, shape.eventsPerJob);
    await queue.pause();
    // The small ones are done all at once, and each of them would bring a large one in its place.
    await queue.addBulk(Array.from({ length: 200 }, () => ({ name: INGEST_EVENT_JOB, data: BASE })));
    for (let job = 0; job < jobs; job += 1) {
      await queue.add(INGEST_BATCH_JOB, data);
    }
    const startedMs = performance.now();

    await queue.resume();
    await waitUntil(
      () => queue.getJobCountByTypes('wait', 'active', 'delayed'),
      (left) => left === 0,
      STORE_TIMEOUT_MS,
    );

    const seconds = (performance.now() - startedMs) / 1000;
    const memoryMb = await readPeakMemoryMb(worker.pid);
    await annotate(`${jobs} jobs ${shape.name}: ${Math.round(memoryMb)} MB at most, ${seconds.toFixed(1)} s`);
    process.stdout.write(
      `${jobs} jobs ${shape.name}: ${Math.round(memoryMb)} MB at most, ${seconds.toFixed(1)} s\n`,
    );
    const stored = await database.collection('events').countDocuments({ site_id: BASE.site_id });
    expect(worker.service.log.filter(({ level }) => Number(level) >= WARNING).slice(0, 5)).toEqual([]);
    expect(stored).toBe(200 + jobs * events);
    expect(memoryMb).toBeLessThan(MAX_MEMORY_MB);
  },
);
