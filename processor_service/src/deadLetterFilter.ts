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
