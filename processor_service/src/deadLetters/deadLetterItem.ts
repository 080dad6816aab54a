import type { DeadLetterRecord } from '../models/DeadLetter.model.ts';

/**
 * Converts a dead letter to an item of a job. Returns undefined if its content can never be an event. An item
 * without an identity gets that of the dead letter, so that it cannot become two events.
 */
export function toJobItem({ _id, event, raw }: DeadLetterRecord): object | undefined {
  const item: unknown = event ?? JSON.parse(raw || 'null');
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    return undefined;
  }
  return '_id' in item || 'event_id' in item ? item : { ...item, _id: _id.toHexString() };
}
