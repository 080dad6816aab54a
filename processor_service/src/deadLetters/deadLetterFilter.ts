/** Selects dead letters by conditions, all of which must hold. */
export interface DeadLetterSelection {
  site?: string | undefined;
  /** A part of the reason, case-insensitive and without wildcards. */
  reason?: string | undefined;
  /** The last failure was at this time or later. */
  since?: Date | undefined;
  /** The last failure was before this time. */
  until?: Date | undefined;
}

/** Converts a selection to a filter of MongoDB. */
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
 * Parses an ISO 8601 time. Without a zone it is UTC, while JavaScript would use the zone of the machine.
 *
 * @throws Error that shows the format.
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
