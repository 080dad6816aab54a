import { z } from 'zod';
import { TEXT_LIMITS } from './eventFields.ts';
import { PROPERTY_KEY } from './eventProperties.ts';
import { MAX_HOST_TEXT_LENGTH, normalizeHost } from './referrer.ts';
import { text } from './text.ts';

/** A dimension of every event, by which reports filter and group. */
export interface Dimension {
  /** Validates and normalizes a value of a filter. */
  value: z.ZodType<string, string>;
  /** What the parameter `NAME` does. */
  filter: string;
  /** What `NAME_prefix` does, which filters by the start of the value. Absent: there is none. */
  prefixFilter?: string;
}

/** Any spelling of a host becomes the one that is stored with events. */
const hostText = text(MAX_HOST_TEXT_LENGTH).transform((value, context) => {
  const normalized = normalizeHost(value);
  if (normalized === undefined) {
    const message = 'must be a host without scheme, port and path, such as news.example';
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  }
  return normalized;
});

/**
 * The dimensions of every event. A dimension has the name of the stored field. The filters of reports, their
 * match stages, the groups of rollups and the parameter `dimension` are derived from this table. Besides,
 * each property of an event is a dimension: `property:KEY`.
 */
export const DIMENSIONS = {
  path: {
    value: text(TEXT_LIMITS.path),
    filter: 'Only events with exactly this path.',
    prefixFilter: 'Only events whose path begins with this text.',
  },
  event_type: { value: text(TEXT_LIMITS.event_type), filter: 'Only events of this type.' },
  referrer_host: {
    value: hostText,
    filter:
      'Only events with a referrer of this host, without scheme, port and path. Upper case, a trailing dot and Unicode are normalized.',
  },
} as const satisfies Record<string, Dimension>;

export type EventDimension = keyof typeof DIMENSIONS;

type PrefixDimension = {
  [Name in EventDimension]: (typeof DIMENSIONS)[Name] extends { prefixFilter: string } ? Name : never;
}[EventDimension];

/** The filters of a report. An event must match all of them. */
export type Filters = { [Name in EventDimension | `${PrefixDimension}_prefix`]?: string | undefined };

export const EVENT_DIMENSIONS = Object.keys(DIMENSIONS) as EventDimension[];

const PROPERTY_PREFIX = 'property:';

/** The dimension of a property. */
export function toPropertyDimension(key: string): string {
  return PROPERTY_PREFIX + key;
}

export function isPropertyDimension(dimension: string): boolean {
  return dimension.startsWith(PROPERTY_PREFIX);
}

/** Whether a text is the name of a dimension of events. */
export function isDimension(name: string): boolean {
  return isPropertyDimension(name)
    ? PROPERTY_KEY.test(name.slice(PROPERTY_PREFIX.length))
    : (EVENT_DIMENSIONS as string[]).includes(name);
}

/** The field of a stored event that a dimension reads. */
export function toField(dimension: string): string {
  return isPropertyDimension(dimension) ? `properties.${dimension.slice(PROPERTY_PREFIX.length)}` : dimension;
}

/** One filter: the dimension, and the value or its prefix. */
export interface DimensionFilter {
  dimension: EventDimension;
  value: string;
  isPrefix: boolean;
}

/** Lists the filters of a report, in the order of the table. */
export function listFilters(filters: Filters): DimensionFilter[] {
  return EVENT_DIMENSIONS.flatMap((dimension) => {
    const hasPrefixFilter = 'prefixFilter' in DIMENSIONS[dimension];
    const value = filters[dimension];
    const prefix = hasPrefixFilter ? filters[`${dimension}_prefix` as keyof Filters] : undefined;
    return [
      ...(value === undefined ? [] : [{ dimension, value, isPrefix: false }]),
      ...(prefix === undefined ? [] : [{ dimension, value: prefix, isPrefix: true }]),
    ];
  });
}

/** The filters among the parameters of a report. */
export function pickFilters(parameters: Filters): Filters {
  const filters: Filters = {};
  for (const { dimension, value, isPrefix } of listFilters(parameters)) {
    filters[(isPrefix ? `${dimension}_prefix` : dimension) as keyof Filters] = value;
  }
  return filters;
}
