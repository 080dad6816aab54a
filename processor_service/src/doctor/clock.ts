import { failure, ok, warning } from './findings.ts';

/** Clocks of one network agree to within this (ms). */
const MAX_DIFFERENCE_MS = 1000;

/** From here on, events of now have future timestamps, and rollups start early or late (ms). */
const HARMFUL_DIFFERENCE_MS = 30_000;

const ADVICE = 'Synchronize the clocks of both machines by NTP.';

/**
 * Compares the clock of a server with that of this machine.
 *
 * @param serverMs The server's answer (ms since 1970), to a question from `askedMs` to `answeredMs`.
 */
export function checkClock(serverMs: number, askedMs: number, answeredMs: number) {
  const aheadMs = Math.max(serverMs - answeredMs, 0) - Math.max(askedMs - serverMs, 0);
  const text = `${(Math.abs(aheadMs) / 1000).toFixed(1)} s ${aheadMs < 0 ? 'behind' : 'ahead of'} this machine`;
  if (Math.abs(aheadMs) <= MAX_DIFFERENCE_MS) {
    return ok('agrees with this machine');
  }
  return Math.abs(aheadMs) < HARMFUL_DIFFERENCE_MS ? warning(text, ADVICE) : failure(text, ADVICE);
}
