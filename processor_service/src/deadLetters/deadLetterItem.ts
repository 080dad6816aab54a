import type { DeadLetterRecord } from '../models/DeadLetter.model.ts';

/**
 * What a dead letter would be as an item of a job; undefined if it holds nothing that could ever be an event.
 * An item without an identity of its own gets the letter's, so that it cannot become two events.
 */
export function toJobItem({ _id, event, raw }: DeadLetterRecord): object | undefined {
  const item: unknown = event ?? JSON.parse(raw || 'null');
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    return undefined;
  }
  return '_id' in item || 'event_id' in item ? item : { ...item, _id: _id.toHexString() };
}
