import { withTimeout } from '@analytics/shared/async/withTimeout';

/** A check takes longer only if a server hangs (ms). */
const CHECK_TIMEOUT_MS = 5000;

export type Status = 'ok' | 'warning' | 'failure';

/** One line of the report. */
export interface Finding {
  /** The subject, such as `Redis memory`. */
  check: string;
  status: Status;
  message: string;
  /** What to do about a warning or failure. */
  advice?: string;
}

/** A check of one subject. Several findings are possible, and none if nothing is known. */
export interface Check {
  subject: string;
  run: () => Promise<Omit<Finding, 'check'>[]>;
  /** What to do if the check cannot be made, for example because a permission is missing. */
  adviceOnError?: string;
}

export const ok = (message: string) => ({ status: 'ok' as const, message });

export const warning = (message: string, advice: string) => ({
  status: 'warning' as const,
  message,
  advice,
});

export const failure = (message: string, advice: string) => ({
  status: 'failure' as const,
  message,
  advice,
});

/**
 * Runs checks at the same time, each with a deadline, and returns their findings in the order of the checks.
 * A check that throws is a failure of its subject, and hides no other.
 */
export async function runChecks(checks: readonly Check[]): Promise<Finding[]> {
  const findings = await Promise.all(checks.map(runCheck));
  return findings.flat();
}

async function runCheck({ subject, run, adviceOnError }: Check): Promise<Finding[]> {
  try {
    const found = await withTimeout(run(), CHECK_TIMEOUT_MS);
    return found.map((finding) => ({ check: subject, ...finding }));
  } catch (error) {
    const advice = adviceOnError ?? 'See the message, and the log of the server.';
    return [{ check: subject, ...failure(`the check failed: ${(error as Error).message}`, advice) }];
  }
}

/** The worst status of some findings. */
export function findWorst(findings: readonly Finding[]): Status {
  const has = (status: Status) => findings.some((finding) => finding.status === status);
  if (has('failure')) {
    return 'failure';
  }
  return has('warning') ? 'warning' : 'ok';
}

/** The lines of a report for people. */
export function describeFindings(findings: readonly Finding[]): string[] {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, status, message, advice }) => [
    `${status.padEnd(8)} ${check.padEnd(width)}  ${message}`,
    ...(advice === undefined ? [] : [`${' '.repeat(8 + 1 + width + 2)}→ ${advice}`]),
  ]);
  const count = (status: Status) => findings.filter((finding) => finding.status === status).length;
  return [...lines, '', `${count('ok')} ok, ${count('warning')} warnings, ${count('failure')} failures`];
}
