import type { Interval } from '@analytics/shared/stats';
import type { TestEvent } from './startApp.ts';

/** What a query asks for, as the plain computation takes it. Days are local to `tz`. */
export interface PlainQuery {
  tz: string;
  from: string | undefined;
  to: string | undefined;
  path?: string | undefined;
  path_prefix?: string | undefined;
  event_type?: string | undefined;
  referrer_host?: string | undefined;
}

/**
 * The local day and hour of a moment, read off the clock that `Intl` shows: nothing here knows how the service finds the
 * bounds of days.
 */
export function readClock(timestamp: string, tz: string): { day: string; hour: string } {
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone: tz,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'longOffset',
  });
  const parts = Object.fromEntries(
    format.formatToParts(new Date(timestamp)).map(({ type, value }) => [type, value]),
  );
  const day = `${parts['year']}-${parts['month']}-${parts['day']}`;
  const offset = (parts['timeZoneName'] ?? '').replace('GMT', '') || '+00:00';
  return { day, hour: `${day}T${parts['hour']}:00:00${offset.replace('−', '-')}` };
}

export function select(events: TestEvent[], query: PlainQuery): TestEvent[] {
  return events.filter((event) => {
    const { day } = readClock(event.timestamp, query.tz);
    return (
      (query.from === undefined || (day >= query.from && day <= (query.to ?? ''))) &&
      (query.path === undefined || event.path === query.path) &&
      (query.path_prefix === undefined || event.path.startsWith(query.path_prefix)) &&
      (query.event_type === undefined || event.event_type === query.event_type) &&
      (query.referrer_host === undefined || event.referrer_host === query.referrer_host)
    );
  });
}

export function count(events: TestEvent[]): { views: number; unique_users: number } {
  const users = new Set(events.map(({ user_id }) => user_id).filter((user_id) => user_id !== null));
  return { views: events.length, unique_users: users.size };
}

/** The start of the step that an event falls into, without the offset but for hours. */
export function findStepStart(timestamp: string, tz: string, interval: Interval): string {
  const { day, hour } = readClock(timestamp, tz);
  switch (interval) {
    case 'hour':
      return hour;
    case 'day':
      return day;
    case 'month':
      return `${day.slice(0, 7)}-01`;
    case 'week': {
      const date = new Date(`${day}T00:00:00Z`);
      date.setUTCDate(date.getUTCDate() - ((date.getUTCDay() + 6) % 7));
      return date.toISOString().slice(0, 10);
    }
  }
}

/** As MongoDB orders values: null, numbers, texts by their UTF-8 bytes, false, true. */
export function compareValues(a: unknown, b: unknown): number {
  const rank = (value: unknown) =>
    value === null ? 0 : ({ number: 1, string: 2, boolean: 3 }[typeof value as 'number'] ?? 9);
  if (rank(a) !== rank(b)) {
    return rank(a) - rank(b);
  }
  return typeof a === 'string'
    ? Buffer.compare(Buffer.from(a), Buffer.from(b as string))
    : Number(a) - Number(b);
}

/** Groups events by the value of a dimension, the most views first. */
export function breakDown(events: TestEvent[], dimension: string) {
  const groups = new Map<unknown, TestEvent[]>();
  for (const event of events) {
    const value = readValue(event, dimension);
    groups.set(value, [...(groups.get(value) ?? []), event]);
  }
  return [...groups]
    .map(([value, group]) => ({ value, ...count(group), share: group.length / events.length }))
    .sort((a, b) => b.views - a.views || compareValues(a.value, b.value));
}

function readValue(event: TestEvent, dimension: string): unknown {
  const key = /^property:(.*)$/.exec(dimension)?.[1];
  const value = key === undefined ? event[dimension as keyof TestEvent] : event.properties?.[key];
  return value ?? null;
}
