import type { Bucket } from '@analytics/shared/rollup/buckets';
import { type CountsDocument, QUARTERS, TOTALS } from '@analytics/shared/rollup/rollupCollections';
import type { Counts, FilterQuery, ReportMeta } from '@analytics/shared/stats';
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
import type { ReportSource } from '../eventReader.ts';
import type { Span } from '../timeRange.ts';
import { toBucketKey } from './bucketKey.ts';
import { type Coverage, cover } from './coverage.ts';
import { type FilterDimension, findFilterDimension } from './filterDimension.ts';
import { readUsableCounts } from './readUsableCounts.ts';
import type { RollupSnapshot } from './rollupSnapshot.ts';
import { unlessTooMany } from './tooManyValues.ts';
import { requireFewPlaces } from './userSetReader.ts';
import { addNames, countUnions, type UserSources } from './userUnion.ts';

export type AnswerSource = Exclude<ReportMeta['source'], 'cache'>;

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
interface StepSum extends UserSources {
  views: number;
  /** Of a step that was counted as a whole by MongoDB. */
  unique_users?: number;
}

/** Counts the views and the distinct users of each step, from rollups as far as there are any. */
export function countSteps(
  source: ReportSource,
  snapshot: RollupSnapshot | undefined,
  question: StepsQuestion,
): Promise<StepsAnswer> {
  const filter = findFilterDimension(question.filters);
  const readEvents = () => countLive(source, question);
  return snapshot && filter
    ? unlessTooMany(() => countCovered(source, snapshot, filter, question), readEvents)
    : readEvents();
}

async function countLive(source: ReportSource, question: StepsQuestion): Promise<StepsAnswer> {
  const sums = question.steps.map((): StepSum => ({ views: 0, places: [], names: [] }));
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
  const splitsHours = filter.dimension === TOTALS;
  const { counts, isUsable } = await readUsableCounts(snapshot, filter.dimension, (isUsed) =>
    steps.flatMap((step) => cover(step, isUsed, { splitsHours }).buckets),
  );
  const coverages = steps.map((step) => cover(step, isUsable, { splitsHours }));
  const quarters = await readQuarters(snapshot, coverages);
  let places = 0;
  const sums = coverages.map(({ buckets, hourParts }) => {
    const sum: StepSum = { views: 0, places: [], names: [] };
    for (const bucket of buckets) {
      addPassing(sum, counts.get(toBucketKey(bucket)), filter.passes);
    }
    for (const { hour, firstQuarter, lastQuarter } of hourParts) {
      addPassing(
        sum,
        quarters.get(toBucketKey(hour)),
        (quarter) => Number(quarter) >= firstQuarter && Number(quarter) <= lastQuarter,
      );
    }
    places += sum.places.length;
    requireFewPlaces(places);
    return sum;
  });
  await Promise.all([
    addWholeSteps(source, question, coverages, sums),
    addPartsOfSteps(source, question, coverages, sums),
  ]);
  const users = await countUnions(source.rollups, snapshot.site?.number, sums);
  return {
    counts: sums.map(({ views, unique_users }, index) => ({
      views,
      unique_users: unique_users ?? users[index] ?? 0,
    })),
    source: describeSource(coverages),
  };
}

/** Two steps may divide an hour between them. */
function readQuarters({ readCounts }: RollupSnapshot, coverages: readonly Coverage[]) {
  const hours = new Map<string, Bucket>();
  for (const { hour } of coverages.flatMap(({ hourParts }) => hourParts)) {
    hours.set(toBucketKey(hour), hour);
  }
  return readCounts(QUARTERS, [...hours.values()]);
}

function addPassing(
  sum: StepSum,
  documents: readonly CountsDocument[] = [],
  passes: FilterDimension['passes'],
): void {
  for (const document of documents) {
    for (const [index, value] of document.values.entries()) {
      if (passes(value)) {
        sum.views += document.views[index] ?? 0;
        sum.places.push({ document, index });
      }
    }
  }
}

export function describeSource(coverages: readonly Coverage[]): AnswerSource {
  const hasRaw = coverages.some(({ raw }) => raw.length > 0);
  return hasRaw ? (coverages.some(isPartlyRolledUp) ? 'mixed' : 'live') : 'rollup';
}

function isPartlyRolledUp({ buckets, hourParts }: Coverage): boolean {
  return buckets.length > 0 || hourParts.length > 0;
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

/** Of steps that are partly rolled up the users are needed by name. */
async function addPartsOfSteps(
  source: ReportSource,
  { site_id, filters, steps }: StepsQuestion,
  coverages: readonly Coverage[],
  sums: StepSum[],
): Promise<void> {
  const span = joinRaw(coverages.filter(isPartlyRolledUp));
  if (span.length > 0) {
    for (const { _id, views, users } of await readStepUsers(source, { site_id, span, ...filters }, steps)) {
      const sum = sums[_id];
      if (sum) {
        sum.views += views;
        addNames(sum.names, users);
      }
    }
  }
}

async function readStepUsers(
  { aggregate, tryAggregate }: ReportSource,
  selection: EventSelection,
  steps: readonly Span[],
): Promise<StepUsers[]> {
  const found = await tryAggregate<StepUsers>(buildStepUsersPipeline(selection, steps));
  if (found) {
    return found;
  }
  const singly = await aggregate<StepUser>(buildLargeStepUsersPipeline(selection, steps));
  return singly.map(({ _id, views }) => ({ _id: _id.step, views, users: [_id.user] }));
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
