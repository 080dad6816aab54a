import { countTextUnits, type EventJob } from '@analytics/shared/event';
import { MAX_JOB_EVENTS } from '@analytics/shared/eventQueue';

/**
 * No job's texts are longer than this, in UTF-16 code units, so that a worker can hold many jobs; 500 usual events have a tenth
 * of it. No single request is longer, because each unit takes a byte of its body or more, and a body has at most 512 KiB.
 */
const MAX_JOB_UNITS = 512 * 1024;

/** What one request brought. */
export interface RequestEvents {
  events: readonly EventJob[];
  /** How long their texts are, in UTF-16 code units. */
  units: number;
}

/** Spreads requests over as few jobs as there can be in their order, each request's events whole in one of them. */
export function fillJobs<Entry extends RequestEvents>(entries: readonly Entry[]): Entry[][] {
  const jobs: Entry[][] = [];
  let room = 0;
  let roomUnits = 0;
  for (const entry of entries) {
    if (entry.events.length > room || entry.units > roomUnits) {
      jobs.push([]);
      room = MAX_JOB_EVENTS;
      roomUnits = MAX_JOB_UNITS;
    }
    jobs.at(-1)?.push(entry);
    room -= entry.events.length;
    roomUnits -= entry.units;
  }
  return jobs;
}

export function sumTextUnits(events: readonly EventJob[]): number {
  let units = 0;
  for (const event of events) {
    units += countTextUnits(event);
  }
  return units;
}
