import type { EventJob } from '@analytics/shared/event/event';
import { createEventId } from '@analytics/shared/event/eventId';

/** An event of its own identity, as the queue carries it. */
export function createEvent(change: Partial<EventJob> = {}): EventJob {
  return {
    _id: createEventId(),
    site_id: 's',
    event_type: 'page_view',
    path: '/',
    user_id: null,
    timestamp: '2025-11-12T19:30:01Z',
    ...change,
  };
}
