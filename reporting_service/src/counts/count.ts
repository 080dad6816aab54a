import { toBucketKey } from '@analytics/rollups/calendar';
import { readFreshness } from '@analytics/rollups/freshness';
import { RollupChangedError, RollupUnreadableError } from '@analytics/rollups/rollupErrors';
import type { ReportContext } from '../database/reportContext.ts';
import { type MemoryAccount, MemoryShortError, TooLargeError } from '../database/reportMemory.ts';
import { type Exclusions, planReads, type Question, type ReadPlan } from '../planner/planReads.ts';
import { openRollupSource, type RollupOutcome, type RollupSource } from '../sources/rollups/rollupSource.ts';
import { countFromEvents } from './countFromEvents.ts';
import type { Counts } from './counts.ts';
import { mergeIntervals } from './mergeIntervals.ts';
import { mergeValues } from './mergeValues.ts';

/** Plan again this often because a rollup changed, and around this many buckets that cannot be read. */
const MAX_CHANGES = 4;
const MAX_UNREADABLE = 10;

/** The memory of an invalid bucket's key. */
const INVALIDATION_BYTES = 120;

type AttemptOutcome =
  | { ok: true; counts: Counts }
  /** The plan says that events answer everything. */
  | { ok: false; reason: 'live' }
  /** A rollup was written again while it was read. */
  | { ok: false; reason: 'changed' }
  | { ok: false; reason: 'unreadable'; error: RollupUnreadableError }
  /** A small report needs the memory of a large one. */
  | { ok: false; reason: 'memory-short' }
  /** Too much to add up here: MongoDB does the work. */
  | { ok: false; reason: 'too-large' };

/** Answers a question: plans which sources answer it, reads them and merges their counts. */
export async function count(context: ReportContext, question: Question): Promise<Counts> {
  const unreadable = new Set<string>();
  let changes = 0;
  let isLarge = false;
  while (changes < MAX_CHANGES && unreadable.size < MAX_UNREADABLE) {
    const outcome = await attempt(context, question, unreadable, isLarge);
    if (outcome.ok) {
      context.addSource(outcome.counts.source);
      return outcome.counts;
    }
    if (outcome.reason === 'changed') {
      changes += 1;
    } else if (outcome.reason === 'memory-short' && !isLarge) {
      isLarge = true;
    } else if (outcome.reason === 'unreadable' && outcome.error.bucket) {
      unreadable.add(toBucketKey(outcome.error.bucket));
    } else {
      break;
    }
  }
  context.addSource('live');
  return countFromEvents(context, question);
}

async function attempt(
  context: ReportContext,
  question: Question,
  unreadable: Set<string>,
  isLarge: boolean,
): Promise<AttemptOutcome> {
  const memory = isLarge
    ? await context.memory.openLarge(question.site_id, context.signal)
    : context.memory.openSmall();
  try {
    return await countWithRollups(context, question, memory, unreadable);
  } catch (error) {
    return toOutcome(context, error);
  } finally {
    memory.close();
  }
}

/** Plans again while the rollups of some planned buckets turn out to have too many values. */
async function countWithRollups(
  context: ReportContext,
  question: Question,
  memory: MemoryAccount,
  unreadable: Set<string>,
): Promise<AttemptOutcome> {
  const freshness = await readFreshness(context.rollups, question.site_id, question.span, () =>
    memory.take(INVALIDATION_BYTES),
  );
  const exclusions: Exclusions = { unreadable, overflowed: new Map() };
  const source = freshness && openRollupSource(context, freshness, memory);
  for (;;) {
    const plan = planReads(question, freshness, exclusions);
    if (plan.source === 'live' || source === undefined) {
      return { ok: false, reason: 'live' };
    }
    const outcome = await readPlan(context, source, question, plan);
    if (outcome.ok) {
      return { ok: true, counts: outcome.value };
    }
    exclude(exclusions, outcome);
  }
}

async function readPlan(
  context: ReportContext,
  source: RollupSource,
  question: Question,
  plan: Exclude<ReadPlan, { source: 'live' }>,
): Promise<RollupOutcome<Counts>> {
  const { filter } = plan;
  const [intervals, values] = await Promise.all([
    mergeIntervals(context, source, question, filter, plan.intervals),
    plan.values && question.values
      ? mergeValues(context, source, question, question.values, filter, plan.values)
      : undefined,
  ]);
  if (!intervals.ok) {
    return intervals;
  }
  if (values && !values.ok) {
    return values;
  }
  return {
    ok: true,
    value: { source: plan.source, intervals: intervals.value, ...(values && { values: values.value }) },
  };
}

function exclude(
  { overflowed }: Exclusions,
  { dimension, overflowed: keys }: Exclude<RollupOutcome<unknown>, { ok: true }>,
): void {
  overflowed.set(dimension, new Set([...(overflowed.get(dimension) ?? []), ...keys]));
}

/** Sources throw from the depth of a stream; from here on these are outcomes. */
function toOutcome(context: ReportContext, error: unknown): AttemptOutcome {
  if (error instanceof RollupChangedError) {
    return { ok: false, reason: 'changed' };
  }
  if (error instanceof MemoryShortError) {
    return { ok: false, reason: 'memory-short' };
  }
  if (error instanceof TooLargeError) {
    return { ok: false, reason: 'too-large' };
  }
  if (error instanceof RollupUnreadableError) {
    context.onUnreadable(error);
    return { ok: false, reason: 'unreadable', error };
  }
  throw error;
}
