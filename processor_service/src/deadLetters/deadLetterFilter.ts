/** Which dead letters a person means. Everything given must hold. */
export interface DeadLetterSelection {
  site?: string | undefined;
  /** A part of the reason, taken literally, in any case. */
  reason?: string | undefined;
  /** The letter last failed at this time or later. */
  since?: Date | undefined;
  /** The letter last failed before this time. */
  until?: Date | undefined;
}

/** Puts a selection into MongoDB's words. */
export function buildDeadLetterFilter({
  site,
  reason,
  since,
  until,
}: DeadLetterSelection): Record<string, unknown> {
  const time = { ...(since && { $gte: since }), ...(until && { $lt: until }) };
  return {
    ...(site !== undefined && { site_id: site }),
    ...(reason !== undefined && { reason: { $regex: escapeRegExp(reason), $options: 'i' } }),
    ...((since || until) && { last_failed_at: time }),
  };
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

const ISO_TIME = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?<zone>Z|[+-]\d{2}:\d{2})?)?$/;

/**
 * Reads an ISO 8601 time as a person types it. Without a zone it is UTC, like every time here; JavaScript
 * would take the zone of the machine.
 *
 * @throws Error that shows how to write a time.
 */
export function readTime(text: string | undefined): Date | undefined {
  if (text === undefined) {
    return undefined;
  }
  const match = ISO_TIME.exec(text);
  const isZoneless = text.includes('T') && match?.groups?.['zone'] === undefined;
  const time = new Date(isZoneless ? `${text}Z` : text);
  if (match === null || Number.isNaN(time.getTime())) {
    throw new Error(`${text} is not a time. Write it as 2025-11-12T00:00:00Z.`);
  }
  return time;
}
