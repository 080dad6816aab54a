import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { eventPropertiesSchema } from './eventProperties.ts';
import { toStoredReferrer } from './referrer.ts';
import { describeNonObject, text, whenPresent } from './text.ts';
import { normalizeTimestamp, TIMESTAMP_RULE } from './timestamp.ts';

/** The most characters of each text, in UTF-16 code units, as JavaScript counts. */
export const TEXT_LIMITS = {
  site_id: 128,
  event_type: 64,
  path: 2048,
  user_id: 256,
  event_id: 128,
};

/** The name of a site, in events and in the questions about them. */
export const siteIdSchema = text(TEXT_LIMITS.site_id);

/**
 * The event at its border with a client: the body of `POST /event`. Lengths count UTF-16 code units, as
 * JavaScript does. Whether the timestamp lies too far ahead depends on the clock, so it is the validating
 * service's to check.
 */
export const eventInputSchema = z.strictObject(
  {
    site_id: siteIdSchema,
    event_type: text(TEXT_LIMITS.event_type),
    path: text(TEXT_LIMITS.path),
    user_id: text(TEXT_LIMITS.user_id).nullish(),
    timestamp: z.string({ error: whenPresent(TIMESTAMP_RULE) }).transform((timestamp, context) => {
      const normalized = normalizeTimestamp(timestamp);
      if (normalized === undefined) {
        context.addIssue({ code: 'custom', message: TIMESTAMP_RULE });
        return z.NEVER;
      }
      return normalized;
    }),
    event_id: text(TEXT_LIMITS.event_id).optional(),
    /**
     * Any text. A client does not choose its referrer, so one that is not a URL is dropped and not refused.
     */
    referrer: z.string({ error: 'must be a string' }).transform(toStoredReferrer).nullish(),
    properties: eventPropertiesSchema.nullish(),
  },
  { error: describeNonObject },
);

/**
 * What a client sends, once it is validated: `Date` reads its `timestamp`, and its `referrer` can be stored.
 */
export type EventInput = z.infer<typeof eventInputSchema>;

/** The most events that one request may bring. */
export const MAX_BATCH_EVENTS = 500;

/** The body of `POST /events`, its events still to be looked at one by one. */
export const eventBatchInputSchema = z.strictObject(
  {
    events: z
      .array(z.unknown(), { error: whenPresent('must be an array') })
      .min(1, 'must hold at least one event')
      .max(MAX_BATCH_EVENTS, `must hold at most ${MAX_BATCH_EVENTS} events`),
  },
  { error: describeNonObject },
);

/** An ObjectId, written out. */
export const OBJECT_ID = /^[0-9a-f]{24}$/;

/** The event at its border with the queue: its identity is fixed, so that storing it twice stores it once. */
export const eventJobSchema = eventInputSchema.omit({ event_id: true }).extend({
  _id: z.string().regex(OBJECT_ID, 'must be 24 hexadecimal digits'),
  user_id: text(TEXT_LIMITS.user_id).nullable().default(null),
});

/** What travels through the queue. `Date` reads its `timestamp`. */
export type EventJob = z.infer<typeof eventJobSchema>;

/**
 * Fixes an accepted event's identity. With an `event_id` it follows from site and `event_id`, so every
 * delivery of the same event has the same one; without, it is new.
 */
export function toEventJob(input: EventInput, _id = fixEventId(input)): EventJob {
  const event: EventJob = {
    _id,
    site_id: input.site_id,
    event_type: input.event_type,
    path: input.path,
    user_id: input.user_id ?? null,
    timestamp: input.timestamp,
  };
  if (input.referrer) {
    event.referrer = input.referrer;
  }
  if (input.properties) {
    event.properties = input.properties;
  }
  return event;
}

function fixEventId({ site_id, event_id }: EventInput): string {
  return event_id === undefined ? createEventId() : deriveEventId(site_id, event_id);
}

/**
 * The `_id` that follows from a namespace and a key inside it: the first 12 bytes of SHA-256 over both with a
 * NUL between, as 24 hexadecimal digits. The namespace must hold no NUL, or two pairs could meet in one text.
 */
export function deriveEventId(namespace: string, key: string): string {
  return createHash('sha256').update(`${namespace}\0${key}`).digest('hex').slice(0, 24);
}

const processRandomHex = randomBytes(5).toString('hex');
let counter = randomBytes(3).readUIntBE(0, 3);

/**
 * A new ObjectId as 24 hexadecimal digits, without loading a MongoDB library: four bytes of seconds since
 * 1970, five random bytes of this process, a three-byte counter
 * (https://www.mongodb.com/docs/manual/reference/bson-types/#objectid).
 */
export function createEventId(now = Date.now()): string {
  counter = (counter + 1) & 0xff_ff_ff;
  const seconds = Math.floor(now / 1000) % 0x1_00_00_00_00;
  return hex(seconds, 8) + processRandomHex + hex(counter, 6);
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
