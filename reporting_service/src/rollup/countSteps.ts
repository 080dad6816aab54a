import type { Bucket } from '@analytics/rollups/calendar';
import { toBucketKey } from '@analytics/rollups/calendar';
import { type CountsDocument, QUARTER_HOUR_DIMENSION, TOTAL_DIMENSION } from '@analytics/rollups/documents';
import { createBitmapRefs } from '@analytics/rollups/userBitmapReader';
import type { Counts } from '@analytics/shared/stats';
import type { FilterQuery } from '@analytics/shared/statsQuery';
import type { EventSelection } from '../aggregations/matchEvents.ts';
import {
  buildLargeStepUsersPipeline,
  buildLargeTimeseriesPipeline,
  buildStepUsersPipeline,
  buildTimeseriesPipeline,
  type StepCounts,
  type StepUser,
  type StepUsers,
} from '../aggregations/timeseriesPipeline.ts';
import { createPace } from '../pace.ts';
import type { ReportSource } from '../reportSource.ts';
import type { Span } from '../timeRange.ts';
import { type AnswerSource, type Coverage, cover, describeSource, isPartlyRolledUp } from './coverage.ts';
import { type EventUsers, groupUsers, readLists, USERS_PER_REPLY } from './eventUsers.ts';
import { type FilterDimension, findFilterDimension } from './filterDimension.ts';
import { readUsableCounts } from './readUsableCounts.ts';
import type { RollupSnapshot } from './rollupSnapshot.ts';
import { assertBitmapLimit } from './tooManyValues.ts';
import { countUnions, type UserUnion } from './userUnion.ts';

export interface StepsAnswer {
  /** Of each step, in the order of the steps. */
  counts: Counts[];
  source: AnswerSource;
}

export interface StepsQuestion {
  site_id: string;
  filters: FilterQuery;
  /** Follow each other without a gap, the earliest first. */
  steps: readonly Span[];
}

/** What is known of one step before its users are united. */
interface StepSum extends UserUnion {
  views: number;
  /** Of a step that was counted as a whole by MongoDB. */
  unique_users?: number;
}

const createSum = (): StepSum => ({ views: 0, places: [], hasEvents: false });

/**
 * Counts the views and the distinct users of each step, from rollups as far as there are any.
 *
 * @throws RollupChangedError, RollupUnreadableError, MemoryShortError, TooManyValuesError for `withSnapshot`.
 */
export function countSteps(
  source: ReportSource,
  snapshot: RollupSnapshot | undefined,
  question: StepsQuestion,
): Promise<StepsAnswer> {
  const filter = findFilterDimension(question.filters);
  return snapshot && filter ? countCovered(source, snapshot, filter, question) : countLive(source, question);
}

async function countLive(source: ReportSource, question: StepsQuestion): Promise<StepsAnswer> {
  const sums = question.steps.map(createSum);
  await addWholeSteps(source, question, question.steps.map(toRaw), sums);
  return { counts: sums.map(({ views, unique_users = 0 }) => ({ views, unique_users })), source: 'live' };
}

function toRaw(step: Span): Coverage {
  return { buckets: [], hourParts: [], raw: [step] };
}

async function countCovered(
  source: ReportSource,
  snapshot: RollupSnapshot,
  filter: FilterDimension,
  question: StepsQuestion,
): Promise<StepsAnswer> {
  const { steps } = question;
  const splitsHours = filter.dimension === TOTAL_DIMENSION;
  const { counts, isUsable } = await readUsableCounts(snapshot, filter.dimension, (isUsed) =>
    steps.flatMap((step) => cover(step, isUsed, { splitsHours }).buckets),
  );
  const coverages = steps.map((step) => cover(step, isUsable, { splitsHours }));
  const quarters = await readQuarters(snapshot, coverages);
  const pace = createPace(source.signal);
  const sums: StepSum[] = [];
  let places = 0;
  for (const { buckets, hourParts } of coverages) {
    const sum = createSum();
    for (const bucket of buckets) {
      addPassing(sum, counts.get(toBucketKey(bucket)), filter.passes);
      assertBitmapLimit(places + sum.places.length);
      if (pace.isDue()) {
        await pace.rest();
      }
    }
    for (const { hour, firstQuarter, lastQuarter } of hourParts) {
      addPassing(
        sum,
        quarters.get(toBucketKey(hour)),
        (quarter) => Number(quarter) >= firstQuarter && Number(quarter) <= lastQuarter,
      );
    }
    places += sum.places.length;
    sums.push(sum);
  }
  const users = await countUsers(source, snapshot, question, { coverages, sums });
  return {
    counts: sums.map(({ views, unique_users }, index) => ({
      views,
      unique_users: unique_users ?? users[index] ?? 0,
    })),
    source: describeSource(coverages),
  };
}

interface StepParts {
  coverages: readonly Coverage[];
  sums: StepSum[];
}

/** Counts the users of the steps, and adds the views that are read from events. */
async function countUsers(
  source: ReportSource,
  snapshot: RollupSnapshot,
  question: StepsQuestion,
  { coverages, sums }: StepParts,
): Promise<number[]> {
  const { site, memory } = snapshot;
  for (const [index, sum] of sums.entries()) {
    const coverage = coverages[index] as Coverage;
    sum.hasEvents = isPartlyRolledUp(coverage) && coverage.raw.length > 0;
  }
  const [users] = await Promise.all([
    countUnions({ source, site: site?.code, memory }, sums, () =>
      readStepUsers(source, snapshot, question, { coverages, sums }),
    ),
    addWholeSteps(source, question, coverages, sums),
  ]);
  return users;
}

/** Two steps may divide an hour between them. */
function readQuarters({ counts }: RollupSnapshot, coverages: readonly Coverage[]) {
  const hours = new Map<string, Bucket>();
  for (const { hour } of coverages.flatMap(({ hourParts }) => hourParts)) {
    hours.set(toBucketKey(hour), hour);
  }
  return counts.read(QUARTER_HOUR_DIMENSION, [...hours.values()]);
}

function addPassing(
  sum: StepSum,
  documents: readonly CountsDocument[] = [],
  passes: FilterDimension['passes'],
): void {
  for (const document of documents) {
    const toPlace = createBitmapRefs(document);
    for (const [index, value] of document.values.entries()) {
      if (passes(value)) {
        sum.views += document.views[index] ?? 0;
        sum.places.push(toPlace(index));
      }
    }
  }
}

/** Steps that are read from events alone are counted by MongoDB, which then sends two numbers of each. */
async function addWholeSteps(
  source: ReportSource,
  { site_id, filters, steps }: StepsQuestion,
  coverages: readonly Coverage[],
  sums: StepSum[],
): Promise<void> {
  const span = joinRaw(coverages.filter((coverage) => !isPartlyRolledUp(coverage)));
  if (span.length > 0) {
    for (const { _id, ...counts } of await readSteps(source, { site_id, span, ...filters }, steps)) {
      const sum = sums[_id];
      if (sum) {
        sum.views += counts.views;
        sum.unique_users = counts.unique_users;
      }
    }
  }
}

/** The counts of each step in which anything happened, from events. */
export async function readSteps(
  { aggregate, tryAggregate }: ReportSource,
  selection: EventSelection,
  steps: readonly Span[],
): Promise<StepCounts[]> {
  return (
    (await tryAggregate<StepCounts>(buildTimeseriesPipeline(selection, steps))) ??
    (await aggregate<StepCounts>(buildLargeTimeseriesPipeline(selection, steps)))
  );
}

/** Of steps that are partly rolled up the users are needed by name. Their views are added on the way. */
async function* readStepUsers(
  source: ReportSource,
  { memory }: RollupSnapshot,
  { site_id, filters, steps }: StepsQuestion,
  { coverages, sums }: StepParts,
): AsyncGenerator<EventUsers> {
  const span = joinRaw(coverages.filter((_, index) => sums[index]?.hasEvents));
  const selection = { site_id, span, ...filters };
  const add = (index: number, views: number) => {
    const sum = sums[index];
    if (sum) {
      sum.views += views;
    }
  };
  if (!memory.isLarge) {
    for await (const { _id, views, users } of readLists<StepUsers>(
      source,
      buildStepUsersPipeline(selection, steps),
    )) {
      add(_id, views);
      yield { index: _id, users };
    }
    return;
  }
  const singly = source.stream<StepUser>(buildLargeStepUsersPipeline(selection, steps), USERS_PER_REPLY);
  for await (const batch of singly) {
    for (const { _id, views } of batch) {
      add(_id.step, views);
    }
    yield* groupUsers(batch.map(({ _id: { step, user } }) => ({ index: step, user })));
  }
}

/** The stretches that touch are made one, so that the server has few to look for. */
function joinRaw(coverages: readonly Coverage[]): Span[] {
  const joined: Span[] = [];
  for (const { startMs, endMs } of coverages.flatMap(({ raw }) => raw)) {
    const last = joined.at(-1);
    if (last?.endMs === startMs) {
      last.endMs = endMs;
    } else {
      joined.push({ startMs, endMs });
    }
  }
  return joined;
}
