import { GRANULARITIES, type Granularity } from '@analytics/rollups/calendar';
import type { InvalidationDocument } from '@analytics/rollups/documents';
import { chunk } from '@analytics/shared/async/chunk';
import { forEachConcurrent } from '@analytics/shared/async/forEachConcurrent';
import {
  type BucketBuilder,
  type BucketBuilderDeps,
  createBucketBuilder,
  type RefreshOutcome,
} from './bucketBuilder.ts';
import { openSite, type RollupSite } from './rollupSite.ts';

/** Invalidations that are claimed together. */
const CLAIM_SIZE = 200;

/** While MongoDB groups the events of one task, the process counts the users of another. */
const CONCURRENT_TASKS = 2;

export interface RefreshOptions {
  /** Only this site. */
  site_id?: string;
  signal: AbortSignal;
  /** Called after each bucket. */
  onBucket?: (bucket: InvalidationDocument['_id'], outcome: RefreshOutcome) => void;
}

export interface Refresher {
  /**
   * Refreshes every bucket that is due, the hours first. Can be interrupted anywhere and called again:
   * reports use a bucket only once its invalidation is resolved.
   *
   * @throws The first error of a bucket, after it has tried all others.
   */
  refreshDue(options: RefreshOptions): Promise<void>;
}

export function createRefresher(deps: BucketBuilderDeps): Refresher {
  const builder = createBucketBuilder(deps);
  return {
    refreshDue: async (options) => {
      const attempts = createAttempts(deps, builder, options);
      for (const granularity of GRANULARITIES) {
        for await (const { claimed, version } of claimDue(deps.invalidations, granularity, options)) {
          // Open sites after the claim only. They then have every dimension that another process found before
          // it made these invalidations, and the current code: discarding all rollups ends the claims.
          attempts.forgetSites();
          await forEachConcurrent(CONCURRENT_TASKS, divideIntoTasks(granularity, claimed), (task) =>
            attempts.attempt(task, version),
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
 * Claims the due invalidations of one granularity in batches, each once, until none is left or the signal
 * aborts.
 */
async function* claimDue(
  invalidations: BucketBuilderDeps['invalidations'],
  granularity: Granularity,
  { site_id, signal }: RefreshOptions,
): AsyncGenerator<{ claimed: InvalidationDocument[]; version: number }> {
  const tried = new Set<string>();
  for (;;) {
    const due = await invalidations.findDue(granularity, tried.size + CLAIM_SIZE, site_id);
    const untried = due.filter(({ _id }) => !tried.has(toKey(_id)));
    if (untried.length === 0 || signal.aborted) {
      return;
    }
    for (const { _id } of untried) {
      tried.add(toKey(_id));
    }
    yield { claimed: untried, version: await invalidations.claim(untried) };
  }
}

/** Runs the tasks of one refresh, and collects the errors of single buckets. */
function createAttempts(
  { collections, invalidations }: BucketBuilderDeps,
  { buildHours, buildFromChildren }: BucketBuilder,
  { signal, onBucket }: RefreshOptions,
) {
  const failures: unknown[] = [];
  /** Shared, so that concurrent tasks add to the same dimensions. */
  const sites = new Map<string, Promise<RollupSite>>();

  function findSite(site_id: string): Promise<RollupSite> {
    const site = sites.get(site_id) ?? openSite(collections, site_id);
    sites.set(site_id, site);
    return site;
  }

  /**
   * Runs a task. If it fails, tries each of its buckets alone, so that one bad bucket does not delay the
   * others. A new attempt writes a new version, because the first one may have written a part.
   */
  async function attempt(task: readonly InvalidationDocument[], claimed?: number): Promise<void> {
    const done = new Set<InvalidationDocument>();
    const onDone = (invalidation: InvalidationDocument, outcome: RefreshOutcome) => {
      done.add(invalidation);
      onBucket?.(invalidation._id, outcome);
    };
    const [first] = task;
    if (first === undefined || signal.aborted) {
      return;
    }
    const { site_id } = first._id;
    let opening: Promise<RollupSite> | undefined;
    try {
      let version = claimed;
      if (version === undefined) {
        version = await invalidations.claim(task);
        sites.delete(site_id);
      }
      opening = findSite(site_id);
      const site = await opening;
      if (first._id.granularity === 'hour') {
        await buildHours(site, task, version, signal, onDone);
      } else {
        onDone(first, await buildFromChildren(site, first, version));
      }
    } catch (error) {
      // It may lack dimensions that are stored.
      if (sites.get(site_id) === opening) {
        sites.delete(site_id);
      }
      if (task.length === 1) {
        failures.push(error);
        return;
      }
      for (const invalidation of task) {
        if (!done.has(invalidation)) {
          await attempt([invalidation]);
        }
      }
    }
  }

  return { failures, attempt, forgetSites: () => sites.clear() };
}

/** The hours of a site are counted together, but leave work for each concurrent task. */
function divideIntoTasks(
  granularity: Granularity,
  claimed: readonly InvalidationDocument[],
): InvalidationDocument[][] {
  if (granularity !== 'hour') {
    return claimed.map((invalidation) => [invalidation]);
  }
  const sites = new Map<string, InvalidationDocument[]>();
  for (const invalidation of claimed) {
    const { site_id } = invalidation._id;
    sites.set(site_id, [...(sites.get(site_id) ?? []), invalidation]);
  }
  return [...sites.values()].flatMap((hours) => chunk(hours, Math.ceil(hours.length / CONCURRENT_TASKS)));
}

function toKey({ site_id, start }: InvalidationDocument['_id']): string {
  return `${start.getTime()}/${site_id}`;
}
