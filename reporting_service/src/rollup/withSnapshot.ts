import type { ReportSource } from '../eventReader.ts';
import type { Span } from '../timeRange.ts';
import { RollupChangedError } from './rollupReader.ts';
import { type RollupSnapshot, readSnapshot } from './rollupSnapshot.ts';

const MAX_ATTEMPTS = 4;

/**
 * Answers a question from what is rolled up in a stretch of time, and asks again when a rollup was written anew in between. In
 * the end it does without any.
 */
export async function withSnapshot<Answer>(
  { rollups }: ReportSource,
  site_id: string,
  span: Span,
  answer: (snapshot: RollupSnapshot | undefined) => Promise<Answer>,
): Promise<Answer> {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    try {
      return await answer(await readSnapshot(rollups, site_id, span));
    } catch (error) {
      if (!(error instanceof RollupChangedError)) {
        throw error;
      }
    }
  }
  return answer(undefined);
}
