// Long because it is generated: `npm run generate` writes it from the OpenAPI documents of the services.

export interface BatchAnswer {
  success: true;
  /** The number of queued events. */
  accepted: number;
  /** With `partial=true` only: the events that are not queued. */
  rejected?: {
    /** The index of the event in the batch, from 0. */
    index: number;
    /** The invalid fields; `event` for the whole event. One, if many events are rejected. */
    errors: {
      /** The invalid field or parameter, or `body` or `query` for the whole. */
      field: string;
      /** Continues a sentence that begins with the field: `is required`. */
      message: string;
    }[];
  }[];
}

export interface Event {
  /** The site of the event: text of 1–128 characters. */
  site_id: string;
  /** The kind of event, such as `page_view`: text of 1–64 characters. */
  event_type: string;
  /** The path of the page: text of 1–2048 characters. */
  path: string;
  /**
   * The visitor, by an id of yours: text of 1–256 characters; null or absent for an anonymous view,
   * which counts as a view and not as a user.
   */
  user_id?: string | null | undefined;
  /**
   * The time of the event: an instant in ISO 8601 or RFC 3339; at most 24 hours ahead of the server's
   * clock (`EVENT_MAX_FUTURE_HOURS`), and not before 2000 (`EVENT_MIN_DATE`).
   */
  timestamp: string;
  /**
   * Text of 1–128 characters, your idempotency key within the site: an event with a known `event_id`
   * is accepted and not stored again.
   */
  event_id?: string | undefined;
  /** The URL of the page that the visitor came from. Any other text counts as absent. */
  referrer?: string | null | undefined;
  /**
   * At most 20 values (text of at most 1024 characters, number, true or false), by names of 1–64
   * letters, digits, `_` and `-`, except `__proto__` and `_bsontype`.
   */
  properties?: Record<string, string | number | boolean> | null | undefined;
}

export interface Problem {
  type: 'about:blank';
  /** The phrase of the status. */
  title: string;
  /** The status of the answer. */
  status: number;
  /** What happened and what to do, in one or two sentences. */
  detail: string;
  /** The invalid fields, if the request has any. */
  errors?: {
    /** The invalid field or parameter, or `body` or `query` for the whole. */
    field: string;
    /** Continues a sentence that begins with the field: `is required`. */
    message: string;
  }[];
}

export interface Breakdown {
  meta: ReportMeta;
  dimension: string;
  /** The number of distinct values. An event without the dimension has the value null. */
  total: number;
  /** Most views first, ties by value. */
  rows: {
    value: string | number | boolean | null;
    views: number;
    unique_users: number;
    /** The part of all views that match the filters, from 0 to 1. */
    share: number;
  }[];
}

export interface Comparison {
  meta: {
    site_id: string;
    /** The first moment of the range. Null: all time. */
    from: string | null;
    /** The first moment after the range. */
    to: string | null;
    tz: string;
    /** The moment at which the numbers were true. */
    as_of: string;
    /** What was read: events (`live`), rollups, both, or an answer of this service a moment ago. */
    source: 'live' | 'rollup' | 'mixed' | 'cache';
    /** If the range has not ended, the part of the previous range that corresponds to the elapsed time. */
    previous: {
      from: string;
      to: string;
    };
  };
  current: {
    total_views: number;
    unique_users: number;
  };
  previous: {
    total_views: number;
    unique_users: number;
  };
  /** A fraction of the previous number. Null where that is 0. */
  change: {
    total_views: number | null;
    unique_users: number | null;
  };
}

export interface Realtime {
  meta: ReportMeta;
  /** Distinct users of the last five minutes. */
  active_users: number;
  /** The views of the last five minutes. */
  views: number;
  /** The last thirty minutes, the earliest first. */
  minutes: {
    start: string;
    views: number;
    active_users: number;
  }[];
}

export interface ReportMeta {
  site_id: string;
  /** The first moment of the range. Null: all time. */
  from: string | null;
  /** The first moment after the range. */
  to: string | null;
  tz: string;
  /** The moment at which the numbers were true. */
  as_of: string;
  /** What was read: events (`live`), rollups, both, or an answer of this service a moment ago. */
  source: 'live' | 'rollup' | 'mixed' | 'cache';
}

export interface SiteStats {
  site_id: string;
  /** The day of the query, or null for any other range. */
  date: string | null;
  /** With a range or a zone only: the first day, or null for all time. */
  from?: string | null | undefined;
  /** With a range or a zone only: the last day. */
  to?: string | null | undefined;
  /** With a range or a zone only. */
  tz?: string | undefined;
  total_views: number;
  /** Distinct users. Anonymous views count in `total_views` only. */
  unique_users: number;
  /** Most views first, ties by path in the order of its UTF-8 bytes. */
  top_paths: {
    path: string;
    views: number;
  }[];
}

export interface Timeseries {
  meta: ReportMeta;
  interval: 'hour' | 'day' | 'week' | 'month';
  /** Without gaps, the earliest first, none in the future. */
  series: {
    start: string;
    views: number;
    unique_users: number;
    /** Set on the interval that has not ended: its numbers still grow. */
    is_current?: true | undefined;
  }[];
}

export interface StatsParameters {
  /** The site. */
  site_id: string;
  /** One day. Not together with `from`, `to` or `period`. */
  date?: string | undefined;
  /** The first of several days, with `to`. */
  from?: string | undefined;
  /** The last of several days, with `from`; at most ten years later. */
  to?: string | undefined;
  /**
   * Days that end today: `7d`, `30d` and `90d` are that many, `12mo` is this month and the eleven
   * before, `year` begins on the 1st of January. `all` is all time.
   */
  period?: 'today' | 'yesterday' | '7d' | '30d' | '90d' | '12mo' | 'year' | 'all' | undefined;
  /** The time zone of the days, by its name in the IANA database. Default: UTC. */
  tz?: string | undefined;
  /** Only events with exactly this path. */
  path?: string | undefined;
  /** Only events whose path begins with this text. */
  path_prefix?: string | undefined;
  /** Only events of this type. */
  event_type?: string | undefined;
  /**
   * Only events with a referrer of this host, without scheme, port and path. Upper case, a trailing
   * dot and Unicode are normalized.
   */
  referrer_host?: string | undefined;
}

export interface TimeseriesParameters {
  /** The site. */
  site_id: string;
  /** One day. Not together with `from`, `to` or `period`. */
  date?: string | undefined;
  /** The first of several days, with `to`. */
  from?: string | undefined;
  /** The last of several days, with `from`; at most ten years later. */
  to?: string | undefined;
  /**
   * Days that end today: `7d`, `30d` and `90d` are that many, `12mo` is this month and the eleven
   * before, `year` begins on the 1st of January. `all` is all time.
   */
  period?: 'today' | 'yesterday' | '7d' | '30d' | '90d' | '12mo' | 'year' | 'all' | undefined;
  /** The time zone of the days, by its name in the IANA database. Default: UTC. */
  tz?: string | undefined;
  /** Only events with exactly this path. */
  path?: string | undefined;
  /** Only events whose path begins with this text. */
  path_prefix?: string | undefined;
  /** Only events of this type. */
  event_type?: string | undefined;
  /**
   * Only events with a referrer of this host, without scheme, port and path. Upper case, a trailing
   * dot and Unicode are normalized.
   */
  referrer_host?: string | undefined;
  /**
   * The length of each interval. A series has at most 2,000. Default: days, or for all time the
   * shortest length that fits.
   */
  interval?: 'hour' | 'day' | 'week' | 'month' | undefined;
}

export interface BreakdownParameters {
  /** The site. */
  site_id: string;
  /** One day. Not together with `from`, `to` or `period`. */
  date?: string | undefined;
  /** The first of several days, with `to`. */
  from?: string | undefined;
  /** The last of several days, with `from`; at most ten years later. */
  to?: string | undefined;
  /**
   * Days that end today: `7d`, `30d` and `90d` are that many, `12mo` is this month and the eleven
   * before, `year` begins on the 1st of January. `all` is all time.
   */
  period?: 'today' | 'yesterday' | '7d' | '30d' | '90d' | '12mo' | 'year' | 'all' | undefined;
  /** The time zone of the days, by its name in the IANA database. Default: UTC. */
  tz?: string | undefined;
  /** Only events with exactly this path. */
  path?: string | undefined;
  /** Only events whose path begins with this text. */
  path_prefix?: string | undefined;
  /** Only events of this type. */
  event_type?: string | undefined;
  /**
   * Only events with a referrer of this host, without scheme, port and path. Upper case, a trailing
   * dot and Unicode are normalized.
   */
  referrer_host?: string | undefined;
  /** What to group the events by. */
  dimension: string;
  /** The number of values. */
  limit?: number | undefined;
  /** How many values to skip. */
  offset?: number | undefined;
  /** Only values that contain this text. */
  search?: string | undefined;
}

export interface ComparisonParameters {
  /** The site. */
  site_id: string;
  /** One day. Not together with `from`, `to` or `period`. */
  date?: string | undefined;
  /** The first of several days, with `to`. */
  from?: string | undefined;
  /** The last of several days, with `from`; at most ten years later. */
  to?: string | undefined;
  /**
   * Days that end today: `7d`, `30d` and `90d` are that many, `12mo` is this month and the eleven
   * before, `year` begins on the 1st of January. `all` is all time.
   */
  period?: 'today' | 'yesterday' | '7d' | '30d' | '90d' | '12mo' | 'year' | 'all' | undefined;
  /** The time zone of the days, by its name in the IANA database. Default: UTC. */
  tz?: string | undefined;
  /** Only events with exactly this path. */
  path?: string | undefined;
  /** Only events whose path begins with this text. */
  path_prefix?: string | undefined;
  /** Only events of this type. */
  event_type?: string | undefined;
  /**
   * Only events with a referrer of this host, without scheme, port and path. Upper case, a trailing
   * dot and Unicode are normalized.
   */
  referrer_host?: string | undefined;
  /** Compare with as many days directly before, or with the same days a year earlier. */
  to_previous?: 'period' | 'year' | undefined;
}

export interface RealtimeParameters {
  /** The site. */
  site_id: string;
  /** Only events with exactly this path. */
  path?: string | undefined;
  /** Only events whose path begins with this text. */
  path_prefix?: string | undefined;
  /** Only events of this type. */
  event_type?: string | undefined;
  /**
   * Only events with a referrer of this host, without scheme, port and path. Upper case, a trailing
   * dot and Unicode are normalized.
   */
  referrer_host?: string | undefined;
}
