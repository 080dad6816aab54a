import { type EventInput, type EventJob, OBJECT_ID, TEXT_LIMITS } from './event.ts';
import { isEventProperties } from './eventProperties.ts';
import { MAX_REFERRER_LENGTH, toStoredReferrer } from './referrer.ts';
import { isStorableText } from './text.ts';
import { isPlainTimestamp } from './timestamp.ts';

// The schema needs most of a microsecond for an event, which shows where a request brings hundreds. These two
// need a fifth of that. What they say no to may still be an event: then the schema is asked, which also says
// what is wrong.

/**
 * Whether a value, fresh from JSON, is an event as clients send it, and would come out of the schema as it
 * is.
 */
export function isPlainEventInput(value: unknown): value is EventInput {
  if (!hasOnlyKeys(value, INPUT_KEYS)) {
    return false;
  }
  const { user_id, event_id, referrer } = value;
  return (
    hasPlainCore(value) &&
    (referrer === undefined || referrer === null || isStoredReferrer(referrer)) &&
    (user_id === undefined || user_id === null || isText(user_id, TEXT_LIMITS.user_id)) &&
    (event_id === undefined || isText(event_id, TEXT_LIMITS.event_id))
  );
}

/**
 * The same of an event as the queue carries it, except that its referrer may be one that the schema drops:
 * the store looks for the host, and does not store a referrer without one.
 */
export function isPlainEventJob(value: unknown): value is EventJob {
  if (!hasOnlyKeys(value, JOB_KEYS)) {
    return false;
  }
  const { _id, user_id, referrer } = value;
  return (
    hasPlainCore(value) &&
    (referrer === undefined || referrer === null || isText(referrer, MAX_REFERRER_LENGTH)) &&
    (user_id === null || isText(user_id, TEXT_LIMITS.user_id)) &&
    typeof _id === 'string' &&
    OBJECT_ID.test(_id)
  );
}

const CORE_KEYS = ['site_id', 'event_type', 'path', 'user_id', 'timestamp', 'referrer', 'properties'];
const INPUT_KEYS = new Set([...CORE_KEYS, 'event_id']);
const JOB_KEYS = new Set([...CORE_KEYS, '_id']);

function hasOnlyKeys(value: unknown, keys: ReadonlySet<string>): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return false;
  }
  for (const key in value) {
    if (!keys.has(key)) {
      return false;
    }
  }
  return true;
}

function hasPlainCore(value: Record<string, unknown>): boolean {
  const { site_id, event_type, path, timestamp, properties } = value;
  return (
    isText(site_id, TEXT_LIMITS.site_id) &&
    isText(event_type, TEXT_LIMITS.event_type) &&
    isText(path, TEXT_LIMITS.path) &&
    typeof timestamp === 'string' &&
    isPlainTimestamp(timestamp) &&
    (properties === undefined || properties === null || isEventProperties(properties))
  );
}

function isStoredReferrer(value: unknown): boolean {
  return typeof value === 'string' && toStoredReferrer(value) === value;
}

function isText(value: unknown, max: number): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= max && isStorableText(value);
}
