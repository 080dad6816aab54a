import { z } from 'zod';
import { isStorableText } from './text.ts';

export type PropertyValue = string | number | boolean;

/** What a site wants to know of an event besides, by names of its own. */
export type EventProperties = Record<string, PropertyValue>;

const MAX_PROPERTIES = 20;
const MAX_VALUE_LENGTH = 1024;

/** The name of a property, in events and in the questions about them. MongoDB takes any such name as a field. */
export const PROPERTY_KEY = /^(?!__proto__$)[A-Za-z0-9_-]{1,64}$/;

/** Not `z.record`, which leaves `__proto__` out without a word. */
export const eventPropertiesSchema = z.custom<EventProperties>().superRefine((value: unknown, context) => {
  for (const { key, message } of findPropertyFaults(value)) {
    context.addIssue({ code: 'custom', message, path: key === undefined ? [] : [key.slice(0, 65)] });
  }
});

/** Whether the schema would take it. */
export function isEventProperties(value: unknown): value is EventProperties {
  return findPropertyFaults(value).length === 0;
}

/** How long names and values are together, in UTF-16 code units; a value that is no text counts as eight. */
export function countPropertyUnits(properties: EventProperties): number {
  let units = 0;
  for (const key in properties) {
    const value = properties[key];
    units += key.length + (typeof value === 'string' ? value.length : 8);
  }
  return units;
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
    const message = findKeyFault(key) ?? findValueFault(property);
    return message === undefined ? [] : [{ key, message }];
  });
}

function findKeyFault(key: string): string | undefined {
  return PROPERTY_KEY.test(key)
    ? undefined
    : 'must be named with 1 to 64 letters, digits, _ or -, and not __proto__';
}

function findValueFault(value: unknown): string | undefined {
  switch (typeof value) {
    case 'boolean':
      return undefined;
    case 'number':
      // JSON can write numbers that JavaScript holds for infinite, and would pass on as null.
      return Number.isFinite(value) ? undefined : 'must be a finite number';
    case 'string':
      if (value.length > MAX_VALUE_LENGTH) {
        return `must have at most ${MAX_VALUE_LENGTH} characters`;
      }
      return isStorableText(value) ? undefined : 'must be valid Unicode without NUL';
    default:
      return 'must be a text, a number, true or false';
  }
}
