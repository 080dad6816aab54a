/**
 * The instants that any event may have, in milliseconds since 1970. The ingestion service has narrower limits
 * (`EVENT_MIN_DATE`, `EVENT_MAX_FUTURE_HOURS`). These bound what a foreign producer may queue, so that a
 * site's whole time never has more months than a report may have steps.
 */
const MIN_MS = Date.UTC(1970, 0, 1);
const END_MS = Date.UTC(2100, 0, 1);

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Says what a timestamp must be, for the error about one that is not. */
export const TIMESTAMP_RULE =
  'must be an ISO 8601 date and time with Z or an offset and at most 9 decimals, from 1970 to 2099, such as 2025-11-12T19:30:01Z';

/**
 * The usual spelling: a calendar date, `T`, hours to seconds, at most 9 decimals, and `Z` or an offset with a
 * colon. `Date.parse` is right about these. Of other texts it accepts some that are wrong, such as the 30th
 * of February, and refuses most that are right. The years 1970 and 2099 are left out because an offset can
 * move them out of range.
 */
const PLAIN =
  /^(?:19(?:7[1-9]|[89]\d)|20(?:\d[0-8]|[0-8]9))-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** Every spelling. Date, time and offset may each be in the basic or the extended format: `19:30:01+0530`. */
const SPELLING = new RegExp(
  [
    /^(?<year>\d{4})(?<dash>-?)(?:(?<month>\d\d)\k<dash>(?<day>\d\d)|(?<ordinal>\d{3})|W(?<week>\d\d)\k<dash>(?<weekday>\d))/,
    /[T ]/,
    /(?<hour>\d\d)(?:(?<colon>:?)(?<minute>\d\d)(?:\k<colon>(?<second>\d\d))?)?(?:[.,](?<fraction>\d{1,9}))?/,
    // ISO 8601 prefers the minus sign, U+2212; the hyphen replaces it in smaller character sets.
    /(?:Z|(?<sign>[+\u2212-])(?<offsetHour>\d\d)(?::?(?<offsetMinute>\d\d))?)$/,
  ]
    .map(({ source }) => source)
    .join(''),
  'i',
);

/** The length of the longest spelling: `2025-11-12T19:30:01.123456789+05:30`. */
export const MAX_TIMESTAMP_LENGTH = 35;

type Parts = Record<string, string | undefined>;

/** Whether a text is a timestamp in the usual spelling, which `Date` reads as `parseTimestamp` does. */
export function isPlainTimestamp(text: string): boolean {
  return PLAIN.test(text);
}

/**
 * Reads a date and time of one instant, in any spelling of ISO 8601 or RFC 3339: calendar, ordinal and week
 * dates; basic and extended format; `T`, `t` or a space; without seconds, or without minutes; a point or a
 * comma before the decimals of the last part; `Z`, `z` or an offset.
 *
 * `24:00:00` is the end of its day. A leap second (`23:59:60` UTC at the end of a month) is read as the last
 * millisecond before it, so that it stays in its day. Digits after the millisecond are cut off.
 *
 * @returns Milliseconds since 1970, or undefined if the text is not such an instant from 1970 to 2099.
 */
export function parseTimestamp(text: string): number | undefined {
  if (PLAIN.test(text)) {
    return Date.parse(text);
  }
  const parts = text.length <= MAX_TIMESTAMP_LENGTH ? SPELLING.exec(text)?.groups : undefined;
  if (parts === undefined) {
    return undefined;
  }
  const dayMs = findDay(parts);
  const offsetMs = findOffset(parts);
  if (dayMs === undefined || offsetMs === undefined) {
    return undefined;
  }
  const ms = findMoment(parts, dayMs - offsetMs);
  return ms !== undefined && ms >= MIN_MS && ms < END_MS ? ms : undefined;
}

/**
 * Returns a timestamp in a spelling that `Date` reads: the text itself in the usual spelling, else in UTC.
 *
 * @returns undefined if `parseTimestamp` does not accept it.
 */
export function normalizeTimestamp(text: string): string | undefined {
  if (PLAIN.test(text)) {
    return text;
  }
  const ms = parseTimestamp(text);
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

/** Returns the start of a day as if it were a day of UTC. */
function findDay({ year, month, day, ordinal, week, weekday }: Parts): number | undefined {
  const y = Number(year);
  if (month !== undefined) {
    const ms = Date.UTC(y, Number(month) - 1, Number(day));
    const date = new Date(ms);
    return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day) ? ms : undefined;
  }
  if (ordinal !== undefined) {
    const ms = Date.UTC(y, 0, Number(ordinal));
    return new Date(ms).getUTCFullYear() === y ? ms : undefined;
  }
  if (Number(weekday) < 1 || Number(weekday) > 7) {
    return undefined;
  }
  // Week 1 contains the 4th of January. A week belongs to the year of its Thursday.
  const fourth = Date.UTC(y, 0, 4);
  const firstMonday = fourth - ((new Date(fourth).getUTCDay() + 6) % 7) * DAY_MS;
  const monday = firstMonday + (Number(week) - 1) * 7 * DAY_MS;
  const isWeekOfYear = new Date(monday + 3 * DAY_MS).getUTCFullYear() === y;
  return isWeekOfYear ? monday + (Number(weekday) - 1) * DAY_MS : undefined;
}

/** Returns how far local time is ahead of UTC, in milliseconds. */
function findOffset({ sign, offsetHour = '00', offsetMinute = '00' }: Parts): number | undefined {
  if (Number(offsetHour) > 23 || Number(offsetMinute) > 59) {
    return undefined;
  }
  const ms = Number(offsetHour) * HOUR_MS + Number(offsetMinute) * MINUTE_MS;
  return sign === '+' ? ms : -ms;
}

/** Adds a time of day to the start of its day. */
function findMoment({ hour, minute, second, fraction = '0' }: Parts, startMs: number): number | undefined {
  const [h, m, s] = [Number(hour), Number(minute ?? 0), Number(second ?? 0)];
  const unitMs = second !== undefined ? 1000 : minute !== undefined ? MINUTE_MS : HOUR_MS;
  const fractionMs = Math.floor((Number(fraction) * unitMs) / 10 ** fraction.length);
  if (h === 24) {
    return m === 0 && s === 0 && Number(fraction) === 0 ? startMs + DAY_MS : undefined;
  }
  if (h > 24 || m > 59) {
    return undefined;
  }
  const minuteMs = startMs + h * HOUR_MS + m * MINUTE_MS;
  if (s === 60) {
    return isEndOfMonth(minuteMs + MINUTE_MS) ? minuteMs + MINUTE_MS - 1 : undefined;
  }
  return s < 60 ? minuteMs + s * 1000 + fractionMs : undefined;
}

/** Leap seconds are inserted only at the end of a month of UTC (ITU-R TF.460-6). */
function isEndOfMonth(ms: number): boolean {
  return ms % DAY_MS === 0 && new Date(ms).getUTCDate() === 1;
}
