import { chunk } from '@analytics/shared/async/chunk';
import { runAtOnce } from '@analytics/shared/async/runAtOnce';
import { GRANULARITIES, type Granularity } from '@analytics/shared/rollup/buckets';
import type { MarkDocument, RollupCollections } from '@analytics/shared/rollup/rollupCollections';
import {
  type BucketRoller,
  type BucketRollerDeps,
  createBucketRoller,
  type RollupOutcome,
} from './bucketRoller.ts';
import { openSite, type RollupSite } from './sites.ts';

/** Marks that are looked at together. */
const MARKS_AT_ONCE = 200;

/** While MongoDB groups the events of some hours, the users of others are counted here. */
const TASKS_AT_ONCE = 2;

export interface RollerDeps extends BucketRollerDeps {
  collections: RollupCollections;
}

export interface RollOptions {
  /** Only of this site. */
  site_id?: string;
  signal: AbortSignal;
  /** Called after each bucket. */
  onBucket?: (mark: MarkDocument['_id'], outcome: RollupOutcome) => void;
}

export interface Roller {
  /**
   * Rolls up every bucket whose mark is ripe, the hours first. May be cut off anywhere and called again: what
   * is written is believed only once its mark is gone.
   *
   * @throws The first error of a bucket, after all others were tried.
   */
  rollUpRipe(options: RollOptions): Promise<void>;
}

export function createRoller(deps: RollerDeps): Roller {
  const bucketRoller = createBucketRoller(deps);
  return {
    rollUpRipe: async (options) => {
      const attempts = createAttempts(deps, bucketRoller, options);
      for (const granularity of GRANULARITIES) {
        for await (const { claimed, edition } of claimRipe(deps.marks, granularity, options)) {
          // Open sites after the claim only. They then have every dimension that another process met before
          // it made these marks, and the number that counts: throwing all rollups away ends the claims.
          attempts.forgetSites();
          await runAtOnce(TASKS_AT_ONCE, divideIntoTasks(granularity, claimed), (task) =>
            attempts.attempt(task, edition),
          );
        }
      }
      if (attempts.failures.length > 0) {
        throw attempts.failures[0];
      }
    },
  };
}

/**
 * Claims the ripe marks of one length, some hundreds at a time and each once, until none is left or the
 * signal aborts.
 */
async function* claimRipe(
  marks: RollerDeps['marks'],
  granularity: Granularity,
  { site_id, signal }: RollOptions,
): AsyncGenerator<{ claimed: MarkDocument[]; edition: number }> {
  const tried = new Set<string>();
  for (;;) {
    const ripe = await marks.findRipe(granularity, tried.size + MARKS_AT_ONCE, site_id);
    const fresh = ripe.filter(({ _id }) => !tried.has(toKey(_id)));
    if (fresh.length === 0 || signal.aborted) {
      return;
    }
    for (const { _id } of fresh) {
      tried.add(toKey(_id));
    }
    yield { claimed: fresh, edition: await marks.claim(fresh) };
  }
}

/** Makes the attempts at the tasks of one run, and gathers the errors of single buckets. */
function createAttempts(
  { collections, marks }: RollerDeps,
  { rollUpHours, rollUpLarger }: BucketRoller,
  { signal, onBucket }: RollOptions,
) {
  const failures: unknown[] = [];
  /** Shared, so that tasks that run at the same time add to the same dimensions. */
  const sites = new Map<string, Promise<RollupSite>>();

  function findSite(site_id: string): Promise<RollupSite> {
    const site = sites.get(site_id) ?? openSite(collections, site_id);
    sites.set(site_id, site);
    return site;
  }

  /**
   * Does a task, or each of its marks alone if it fails, so that one bad bucket holds up no other. A new
   * attempt is a new edition, because the first one may have written a part.
   */
  async function attempt(task: readonly MarkDocument[], claimed?: number): Promise<void> {
    const done = new Set<MarkDocument>();
    const onDone = (mark: MarkDocument, outcome: RollupOutcome) => {
      done.add(mark);
      onBucket?.(mark._id, outcome);
    };
    const [first] = task;
    if (first === undefined || signal.aborted) {
      return;
    }
    const { site_id } = first._id;
    let finding: Promise<RollupSite> | undefined;
    try {
      let edition = claimed;
      if (edition === undefined) {
        edition = await marks.claim(task);
        sites.delete(site_id);
      }
      finding = findSite(site_id);
      const site = await finding;
      if (first._id.granularity === 'hour') {
        await rollUpHours(site, task, edition, signal, onDone);
      } else {
        onDone(first, await rollUpLarger(site, first, edition));
      }
    } catch (error) {
      // What it knows may be behind what is there.
      if (sites.get(site_id) === finding) {
        sites.delete(site_id);
      }
      if (task.length === 1) {
        failures.push(error);
        return;
      }
      for (const mark of task) {
        if (!done.has(mark)) {
          await attempt([mark]);
        }
      }
    }
  }

  return { failures, attempt, forgetSites: () => sites.clear() };
}

/** The hours of a site are counted together, as many as leave something for each of those at work. */
function divideIntoTasks(granularity: Granularity, fresh: readonly MarkDocument[]): MarkDocument[][] {
  if (granularity !== 'hour') {
    return fresh.map((mark) => [mark]);
  }
  const sites = new Map<string, MarkDocument[]>();
  for (const mark of fresh) {
    const { site_id } = mark._id;
    sites.set(site_id, [...(sites.get(site_id) ?? []), mark]);
  }
  return [...sites.values()].flatMap((hours) => chunk(hours, Math.ceil(hours.length / TASKS_AT_ONCE)));
}

function toKey({ site_id, start }: MarkDocument['_id']): string {
  return `${start.getTime()}/${site_id}`;
}
