// One plain oracle for all tests: a direct count over the events, in the simplest way, that shares no code
// with the services.

/** The fields of an event that the reports read. */
export interface PlainEvent {
  site_id: string;
  path: string;
  user_id?: string | null | undefined;
  timestamp: string;
  event_type?: string | undefined;
  referrer_host?: string | undefined;
  properties?: Record<string, unknown> | null | undefined;
}

const DAY_MS = 86_400_000;
const TOP_PATHS = 10;

/** A query. Its days are local to `tz`. */
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
 * The local day and hour of a timestamp by `Intl`, which is independent of the service's own calendar.
 */
export function readClock(timestamp: string, tz: string): { day: string; hour: string } {
  if (tz === 'UTC') {
    // A fault run reads the clock of some hundred thousand events.
    const iso = new Date(timestamp).toISOString();
    return { day: iso.slice(0, 10), hour: `${iso.slice(0, 13)}:00:00+00:00` };
  }
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

export function select(events: readonly PlainEvent[], query: PlainQuery): PlainEvent[] {
  return events.filter((event) => {
    const isInRange = () => {
      const { day } = readClock(event.timestamp, query.tz);
      return day >= (query.from ?? '') && day <= (query.to ?? '');
    };
    return (
      (query.from === undefined || isInRange()) &&
      (query.path === undefined || event.path === query.path) &&
      (query.path_prefix === undefined || event.path.startsWith(query.path_prefix)) &&
      (query.event_type === undefined || event.event_type === query.event_type) &&
      (query.referrer_host === undefined || event.referrer_host === query.referrer_host)
    );
  });
}

export function count(events: PlainEvent[]): { views: number; unique_users: number } {
  const users = new Set(events.flatMap(({ user_id }) => user_id ?? []));
  return { views: events.length, unique_users: users.size };
}

/** The start of the interval of an event, with the offset for hours only. */
export function findIntervalStart(
  timestamp: string,
  tz: string,
  interval: 'hour' | 'day' | 'week' | 'month',
): string {
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

/** A matcher of the `start` of an interval: the service adds the time and the offset to days. */
export function matchStart(start: string): RegExp {
  return new RegExp(`^${start.replace('+', '\\+')}${start.includes('T') ? '$' : 'T'}`);
}

/** The days that a comparison compares some days with. */
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

/** The answer of a comparison. */
export function compare(events: PlainEvent[], query: PlainQuery, toPrevious: 'period' | 'year') {
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

/** The answer of the realtime report, its minutes without their starts. */
export function lookAtNow(events: PlainEvent[], filters: Partial<PlainQuery>, nowMs: number) {
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

/** MongoDB's order of values: null, numbers, texts by their UTF-8 bytes, false, true. */
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
export function breakDown(events: PlainEvent[], dimension: string) {
  const groups = new Map<unknown, PlainEvent[]>();
  for (const event of events) {
    const value = readValue(event, dimension);
    const group = groups.get(value) ?? [];
    group.push(event);
    groups.set(value, group);
  }
  return [...groups]
    .map(([value, group]) => ({ value, ...count(group), share: group.length / events.length }))
    .sort((a, b) => b.views - a.views || compareValues(a.value, b.value));
}

function readValue(event: PlainEvent, dimension: string): unknown {
  const key = /^property:(.*)$/.exec(dimension)?.[1];
  const value = key === undefined ? event[dimension as keyof PlainEvent] : event.properties?.[key];
  return value ?? null;
}

/** The answer of `GET /stats` for a UTC day, or for all time. */
export function countSiteStats(events: readonly PlainEvent[], site_id: string, date: string | null) {
  const day = date ?? undefined;
  const ofSite = events.filter((event) => event.site_id === site_id);
  const selected = select(ofSite, { tz: 'UTC', from: day, to: day });
  const { views, unique_users } = count(selected);
  return {
    site_id,
    date,
    total_views: views,
    unique_users,
    top_paths: breakDown(selected, 'path')
      .slice(0, TOP_PATHS)
      .map((row) => ({ path: String(row.value), views: row.views })),
  };
}
