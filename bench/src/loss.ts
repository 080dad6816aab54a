/** What became of the events that were accepted. */
export interface Outcome {
  accepted: number;
  stored: number;
  failedJobs: number;
}

/**
 * A remark on each run that did not store what it accepted. More may be stored than was counted as accepted:
 * the answers that are under way when the load ends reach nobody.
 */
export function remarkLoss(name: string, outcomes: readonly Outcome[]): string[] {
  return outcomes.flatMap(({ accepted, stored, failedJobs }) => {
    const missing = Math.max(0, accepted - stored);
    const parts = [
      ...(missing > 0 ? [`${missing.toLocaleString('en')} accepted events are not stored`] : []),
      ...(failedJobs > 0 ? [`${failedJobs.toLocaleString('en')} jobs failed`] : []),
    ];
    return parts.length > 0 ? [`${name}: ${parts.join(', ')}`] : [];
  });
}
