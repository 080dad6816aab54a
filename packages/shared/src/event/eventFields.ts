import { z } from 'zod';
import { type EventProperties, eventPropertiesSchema, isEventProperties } from './eventProperties.ts';
import { MAX_REFERRER_LENGTH, toStoredReferrer } from './referrer.ts';
import { isText, text, whenPresent } from './text.ts';
import { isPlainTimestamp, MAX_TIMESTAMP_LENGTH, normalizeTimestamp, TIMESTAMP_RULE } from './timestamp.ts';

/** How a field is stored. `null` fields are stored as null when an event lacks them; others are left out. */
type StoredAs = 'text' | 'nullable text' | 'date' | 'referrer' | 'properties' | 'nothing';

/** A field of an event, in each of its forms. */
interface EventField {
  /**
   * Validates and normalizes the field of a client (`EventInput`). Its description is the field's rule in the
   * OpenAPI document and in docs/events.md.
   */
  input: z.ZodType;
  /** The same of the field in the queue (`EventJob`). Absent: the queue does not have it. */
  job?: z.ZodType;
  /** Whether `input` accepts a value and returns it unchanged. It may be false for other accepted values. */
  isWellFormedInput: (value: unknown) => boolean;
  /** The same of `job`. */
  isWellFormedJob?: (value: unknown) => boolean;
  storedAs: StoredAs;
}

/** The most characters of each text, in UTF-16 code units, as JavaScript counts. */
export const TEXT_LIMITS = {
  site_id: 128,
  event_type: 64,
  path: 2048,
  user_id: 256,
  event_id: 128,
};

function requiredText(max: number, description: string) {
  const schema = text(max);
  const isWellFormed = (value: unknown) => isText(value, max);
  return {
    input: schema.describe(description),
    job: schema,
    isWellFormedInput: isWellFormed,
    isWellFormedJob: isWellFormed,
    storedAs: 'text',
  } as const satisfies EventField;
}

const timestamp = z.string({ error: whenPresent(TIMESTAMP_RULE) }).transform((value, context) => {
  const normalized = normalizeTimestamp(value);
  if (normalized === undefined) {
    context.addIssue({ code: 'custom', message: TIMESTAMP_RULE });
    return z.NEVER;
  }
  return normalized;
});

/**
 * Any text. A client does not choose its referrer, so one that is not a URL is dropped instead of rejected.
 */
const referrer = z.string({ error: 'must be a string' }).transform(toStoredReferrer).nullish();

const properties = eventPropertiesSchema.nullish();

/**
 * The fields of an event. The schemas, the fast checks, the queued and the stored form are derived from this
 * table (event.ts, wellFormedEvent.ts, eventModel.ts), and so is the documentation.
 */
export const EVENT_FIELDS = {
  site_id: requiredText(TEXT_LIMITS.site_id, 'The site of the event: text of 1–128 characters.'),
  event_type: requiredText(
    TEXT_LIMITS.event_type,
    'The kind of event, such as `page_view`: text of 1–64 characters.',
  ),
  path: requiredText(TEXT_LIMITS.path, 'The path of the page: text of 1–2048 characters.'),
  user_id: {
    input: text(TEXT_LIMITS.user_id)
      .nullish()
      .describe(
        'The visitor, by an id of yours: text of 1–256 characters; null or absent for an anonymous view, which counts as a view and not as a user.',
      ),
    job: text(TEXT_LIMITS.user_id).nullable().default(null),
    isWellFormedInput: (value) => isAbsent(value) || isText(value, TEXT_LIMITS.user_id),
    isWellFormedJob: (value) => value === null || isText(value, TEXT_LIMITS.user_id),
    storedAs: 'nullable text',
  },
  timestamp: {
    input: timestamp.meta({
      description:
        "The time of the event: an instant in ISO 8601 or RFC 3339; at most 24 hours ahead of the server's clock (`EVENT_MAX_FUTURE_HOURS`), and not before 2000 (`EVENT_MIN_DATE`).",
      maxLength: MAX_TIMESTAMP_LENGTH,
      pattern: '^\\d{4}.*[Tt ].*([Zz]|[+\u2212-]\\d{2}(:?\\d{2})?)$',
      examples: ['2025-11-12T19:30:01Z', '2025-11-12T20:30:01.250+01:00'],
    }),
    job: timestamp,
    isWellFormedInput: (value) => typeof value === 'string' && isPlainTimestamp(value),
    isWellFormedJob: (value) => typeof value === 'string' && isPlainTimestamp(value),
    storedAs: 'date',
  },
  event_id: {
    input: text(TEXT_LIMITS.event_id)
      .optional()
      .describe(
        'Text of 1–128 characters, your idempotency key within the site: an event with a known `event_id` is accepted and not stored again.',
      ),
    isWellFormedInput: (value) => value === undefined || isText(value, TEXT_LIMITS.event_id),
    storedAs: 'nothing',
  },
  referrer: {
    input: referrer.describe(
      'The URL of the page that the visitor came from. Any other text counts as absent.',
    ),
    job: referrer,
    isWellFormedInput: (value) => isAbsent(value) || isStoredReferrer(value),
    // The store looks for the host, and does not store a referrer without one.
    isWellFormedJob: (value) => isAbsent(value) || isText(value, MAX_REFERRER_LENGTH),
    storedAs: 'referrer',
  },
  properties: {
    input: properties.describe(
      'At most 20 values (text of at most 1024 characters, number, true or false), by names of 1–64 letters, digits, `_` and `-`, except `__proto__` and `_bsontype`.',
    ),
    job: properties,
    isWellFormedInput: (value) => isAbsent(value) || isEventProperties(value),
    isWellFormedJob: (value) => isAbsent(value) || isEventProperties(value),
    storedAs: 'properties',
  },
} as const satisfies Record<string, EventField>;

type Fields = typeof EVENT_FIELDS;

export type EventFieldName = keyof Fields;

/** The fields that the queue has. */
export type JobFieldName = {
  [Name in EventFieldName]: Fields[Name] extends { job: z.ZodType } ? Name : never;
}[EventFieldName];

/** The values of the stored fields, by how they are stored. */
interface StoredValues {
  text: string;
  'nullable text': string | null;
  date: Date;
  properties: EventProperties;
}

type NamesStoredAs<Kind extends StoredAs> = {
  [Name in EventFieldName]: Fields[Name]['storedAs'] extends Kind ? Name : never;
}[EventFieldName];

/** The fields that a client must send. */
type RequiredName = {
  [Name in EventFieldName]: undefined extends z.input<Fields[Name]['input']> ? never : Name;
}[EventFieldName];

/** The stored fields that a stored event always has, and those that it may lack. */
export type StoredFields = {
  [Name in NamesStoredAs<keyof StoredValues> &
    (RequiredName | NamesStoredAs<'nullable text'>)]: StoredValueOf<Name>;
} & {
  [Name in Exclude<
    NamesStoredAs<keyof StoredValues>,
    RequiredName | NamesStoredAs<'nullable text'>
  >]?: StoredValueOf<Name>;
} & { [Name in NamesStoredAs<'referrer'>]?: string };

type StoredValueOf<Name extends EventFieldName> = Fields[Name]['storedAs'] extends keyof StoredValues
  ? StoredValues[Fields[Name]['storedAs']]
  : never;

/** The names of the fields, in the order of the table. */
export const EVENT_FIELD_NAMES = Object.keys(EVENT_FIELDS) as EventFieldName[];

/** The names of the fields that the queue has. */
export const JOB_FIELD_NAMES = EVENT_FIELD_NAMES.filter(
  (name): name is JobFieldName => 'job' in EVENT_FIELDS[name],
);

/** The names of the fields that are stored as texts. */
export const STORED_TEXT_NAMES = EVENT_FIELD_NAMES.filter(
  (name): name is NamesStoredAs<'text' | 'nullable text'> =>
    ['text', 'nullable text'].includes(EVENT_FIELDS[name].storedAs),
);

function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

function isStoredReferrer(value: unknown): boolean {
  return typeof value === 'string' && toStoredReferrer(value) === value;
}
