import { z } from 'zod';
import { isStorableText } from './text.ts';

export type PropertyValue = string | number | boolean;

/** What a site wants to know of an event besides, by names of its own. */
export type EventProperties = Record<string, PropertyValue>;

const MAX_PROPERTIES = 20;
const MAX_VALUE_LENGTH = 1024;

/**
 * The name of a property, in events and in the questions about them. MongoDB takes any such name as a field.
 * Excluded are the names that a library takes for its own: assigning to `__proto__` changes an object's
 * prototype, and bson reads `_bsontype` as the type of a value and throws for one that it did not make.
 */
export const PROPERTY_KEY = /^(?!(?:__proto__|_bsontype)$)[A-Za-z0-9_-]{1,64}$/;

const KEY_RULE = 'must be named with 1 to 64 letters, digits, _ or -, and not __proto__ or _bsontype';

/** Not `z.record`, which leaves `__proto__` out without a word. */
export const eventPropertiesSchema = z
  .custom<EventProperties>()
  .superRefine((value: unknown, context) => {
    for (const { key, message } of findPropertyFaults(value)) {
      context.addIssue({ code: 'custom', message, path: key === undefined ? [] : [key.slice(0, 65)] });
    }
  })
  .meta({
    type: 'object',
    maxProperties: MAX_PROPERTIES,
    propertyNames: { pattern: PROPERTY_KEY.source },
    additionalProperties: {
      anyOf: [
        { type: 'string', maxLength: MAX_VALUE_LENGTH, pattern: '^[^\\u0000]*$' },
        // Larger doubles are whole numbers, which are accepted up to here only.
        { type: 'number', minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER },
        { type: 'boolean' },
      ],
    },
  });

/** Whether the schema would take it. */
export function isEventProperties(value: unknown): value is EventProperties {
  return findPropertyFaults(value).length === 0;
}

interface PropertyFault {
  /** Of the property at fault; absent if the whole is. */
  key?: string;
  message: string;
}

function findPropertyFaults(value: unknown): PropertyFault[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [{ message: 'must be an object' }];
  }
  const entries = Object.entries(value);
  if (entries.length > MAX_PROPERTIES) {
    return [{ message: `must have at most ${MAX_PROPERTIES} properties` }];
  }
  return entries.flatMap(([key, property]) => {
    const message = PROPERTY_KEY.test(key) ? findValueFault(property) : KEY_RULE;
    return message === undefined ? [] : [{ key, message }];
  });
}

function findValueFault(value: unknown): string | undefined {
  switch (typeof value) {
    case 'boolean':
      return undefined;
    case 'number':
      return findNumberFault(value);
    case 'string':
      if (value.length > MAX_VALUE_LENGTH) {
        return `must have at most ${MAX_VALUE_LENGTH} characters`;
      }
      return isStorableText(value) ? undefined : 'must be valid Unicode without NUL';
    default:
      return 'must be a text, a number, true or false';
  }
}

function findNumberFault(value: number): string | undefined {
  // JSON can write numbers that JavaScript reads as infinite, and would write again as null.
  if (!Number.isFinite(value)) {
    return 'must be a finite number';
  }
  // Past this limit several whole numbers are read as the same one: two orders would become one.
  return Number.isInteger(value) && !Number.isSafeInteger(value)
    ? `must be sent as text, because JSON does not carry whole numbers beyond ${Number.MAX_SAFE_INTEGER} exactly`
    : undefined;
}
