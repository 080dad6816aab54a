import { toBucketKey } from '@analytics/rollups/calendar';
import { RollupChangedError, RollupUnreadableError } from '@analytics/rollups/rollupErrors';
import { MemoryShortError } from '../reportMemory.ts';
import type { ReportSource } from '../reportSource.ts';
import type { Span } from '../timeRange.ts';
import { type RollupSnapshot, readSnapshot } from './rollupSnapshot.ts';
import { TooManyValuesError } from './tooManyValues.ts';

/**
 * How often a report begins again because a rollup was written anew, and how many unreadable ones it goes
 * around.
 */
const MAX_CHANGES = 4;
const MAX_UNREADABLE = 10;

/**
 * Answers a question from what is rolled up in a stretch of time. It begins again when a rollup was written
 * anew in between, with events in the place of one that cannot be read, and with more memory where the
 * question needs it. In the end it does without rollups.
 */
export async function withSnapshot<Answer>(
  source: ReportSource,
  site_id: string,
  span: Span,
  answer: (snapshot: RollupSnapshot | undefined) => Promise<Answer>,
): Promise<Answer> {
  const unreadable = new Set<string>();
  let changes = 0;
  let isLarge = false;
  while (changes < MAX_CHANGES && unreadable.size < MAX_UNREADABLE) {
    const memory = isLarge
      ? await source.memory.openLarge(site_id, source.signal)
      : source.memory.openSmall();
    try {
      return await answer(await readSnapshot(source, site_id, span, { memory, unreadable }));
    } catch (error) {
      if (error instanceof RollupChangedError) {
        changes += 1;
      } else if (error instanceof MemoryShortError && !isLarge) {
        isLarge = true;
      } else if (error instanceof TooManyValuesError) {
        break;
      } else if (error instanceof RollupUnreadableError) {
        source.onUnreadable(error);
        if (!error.bucket) {
          break;
        }
        unreadable.add(toBucketKey(error.bucket));
      } else {
        throw error;
      }
    } finally {
      memory.close();
    }
  }
  return answer(undefined);
}
