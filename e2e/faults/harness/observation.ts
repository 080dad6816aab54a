import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import type { mongo } from 'mongoose';
import type { SiteStats } from '../../../reporting_service/src/reports/answers.ts';
import type { Ledger } from './ledger.ts';
import type { System } from './system.ts';

/** What the system says it holds. */
export interface Observation {
  events: mongo.Document[];
  deadLetters: mongo.Document[];
  /** `GET /stats` of every site, of all time and of every day that the ledger knows. */
  stats: SiteStats[];
}

/** Four locks of a dead worker after another, and the sweep of failed jobs. */
const DRAIN_TIMEOUT_MS = 90_000;

/** Resolves when nothing waits, runs, is put off or has failed: all that was accepted is in MongoDB. */
export async function waitUntilDrained({ queue }: System): Promise<void> {
  await waitUntil(
    () => queue.getJobCounts('wait', 'prioritized', 'active', 'delayed', 'failed'),
    (counts) => Object.values(counts).every((count) => count === 0),
    DRAIN_TIMEOUT_MS,
  );
}

export async function observe(system: System, ledger: Ledger): Promise<Observation> {
  const { database, reporting } = system;
  const [events, deadLetters] = await Promise.all([
    database.collection('events').find().toArray(),
    database.collection('dead_letters').find().toArray(),
  ]);
  const stats: SiteStats[] = [];
  for (const query of listQueries(ledger)) {
    const response = await fetch(`${reporting.service.url}/stats?${new URLSearchParams(query)}`);
    if (response.status !== 200) {
      throw new Error(`GET /stats answered ${response.status}: ${await response.text()}`);
    }
    stats.push((await response.json()) as SiteStats);
  }
  return { events, deadLetters, stats };
}

function listQueries(ledger: Ledger): Record<string, string>[] {
  const events = [...ledger.entries.values()].map(({ event }) => event);
  const sites = [...new Set(events.map(({ site_id }) => site_id))];
  const days = [...new Set(events.map(({ timestamp }) => new Date(timestamp).toISOString().slice(0, 10)))];
  return sites.flatMap((site_id) => [{ site_id }, ...days.map((date) => ({ site_id, date }))]);
}
