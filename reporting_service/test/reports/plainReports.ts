import type { Interval } from '../../src/query/parameters.ts';
import type { TestEvent } from '../startApp.ts';

const DAY_MS = 86_400_000;

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
 * The local day and hour of a moment, read off the clock that `Intl` shows: nothing here knows how the
 * service finds the bounds of days.
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

/** A matcher of the `start` of a step: the service adds the time and the offset to days. */
export function matchStart(start: string): RegExp {
  return new RegExp(`^${start.replace('+', '\\+')}${start.includes('T') ? '$' : 'T'}`);
}

/** The days before some days, as a comparison takes them. */
export function findPlainPrevious(query: PlainQuery, toPrevious: 'period' | 'year'): PlainQuery {
  const [from = '', to = ''] = [query.from, query.to];
  if (toPrevious === 'year') {
    const [before, until] = [from, to].map((day) => `${Number(day.slice(0, 4)) - 1}${day.slice(4)}`);
    return { ...query, from: before, to: until };
  }
  const days = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
  const [before, until] = [from, to].map((day) =>
    new Date(Date.parse(day) - days * DAY_MS).toISOString().slice(0, 10),
  );
  return { ...query, from: before, to: until };
}

/** What a comparison answers. */
export function compare(events: TestEvent[], query: PlainQuery, toPrevious: 'period' | 'year') {
  const [current, previous] = [query, findPlainPrevious(query, toPrevious)].map((each) => {
    const { views, unique_users } = count(select(events, each));
    return { total_views: views, unique_users };
  });
  const change = (field: 'total_views' | 'unique_users') => {
    const before = previous?.[field] ?? 0;
    return before === 0 ? null : ((current?.[field] ?? 0) - before) / before;
  };
  return {
    current,
    previous,
    change: { total_views: change('total_views'), unique_users: change('unique_users') },
  };
}

/** What the report of the last half hour answers, its minutes without their starts. */
export function lookAtNow(events: TestEvent[], filters: Partial<PlainQuery>, nowMs: number) {
  const passing = select(events, { ...filters, tz: 'UTC', from: undefined, to: undefined });
  const between = (startMs: number, endMs: number) => {
    const found = passing.filter(({ timestamp }) => {
      const atMs = Date.parse(timestamp);
      return atMs >= startMs && atMs < endMs && atMs <= nowMs;
    });
    const { views, unique_users } = count(found);
    return { views, active_users: unique_users };
  };
  const minuteMs = Math.floor(nowMs / 60_000) * 60_000;
  return {
    ...between(nowMs - 300_000, nowMs + 1),
    minutes: Array.from({ length: 30 }, (_, index) => {
      const startMs = minuteMs - (29 - index) * 60_000;
      return between(startMs, startMs + 60_000);
    }),
  };
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
