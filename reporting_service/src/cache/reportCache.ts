import { createHash } from 'node:crypto';
import type { RollupCollections } from '@analytics/rollups/documents';
import { hasStaleClosedHours } from '@analytics/rollups/invalidations';
import type { ReportContext, ReportSource } from '../database/reportContext.ts';
import type { ReportDatabase } from '../database/reportDatabase.ts';
import type { ReportQuery } from '../query/reportQuery.ts';
import { type CachedAnswer, createCachedAnswers } from './cachedAnswers.ts';
import { createLatestCheck } from './latestCheck.ts';
import { type Making, type SharedReport, shareReport } from './sharedReports.ts';

/** The body of an answer, and its age if it was cached. */
export interface ReportBody {
  body: Buffer;
  ageSeconds?: number;
  /** Where its numbers come from. */
  source: ReportSource | 'cache';
}

/** A request for a report, as far as the cache depends on it. */
export interface ReportRequest extends Pick<ReportQuery, 'site_id' | 'lateEventSpan'> {
  /** The same for the same route, parameters and span: `today` is another request after midnight. */
  key: string;
}

export function createReportRequest(
  route: string,
  { site_id, parameters, span, lateEventSpan }: ReportQuery,
): ReportRequest {
  const text = JSON.stringify([route, parameters, span?.startMs ?? null, span?.endMs ?? null]);
  const key = createHash('sha256').update(text).digest('base64url');
  return { key, site_id, lateEventSpan };
}

type ReadReport = (context: ReportContext) => Promise<object>;

/**
 * Answers a request. `watchClient` creates a signal that aborts when the client has closed the connection. It
 * is called only if the cache has no answer, because a signal costs as much as a cached answer.
 *
 * @throws ProblemError 503 if MongoDB does not answer in time.
 * @throws the signal's reason once it aborts. The report stops unless other requests wait for it.
 */
export type AnswerReport = (
  request: ReportRequest,
  readReport: ReadReport,
  watchClient: () => AbortSignal,
) => Promise<ReportBody>;

/**
 * How a request gets its answer: a cached one, that of a report which another request has started, or that of
 * a report of its own.
 */
export const CACHE_RESULTS = ['hit', 'shared', 'miss'] as const;

export type CacheResult = (typeof CACHE_RESULTS)[number];

export interface ReportCacheOptions {
  database: ReportDatabase;
  /**
   * The greatest age of a cached answer (ms); 0 caches none. The invalidation of a late event must outlive it
   * (docs/decisions/0010).
   */
  ttlMs: number;
  /** The memory of all cached answers, in bytes. */
  maxBytes: number;
  /** Called for each request that gets or waits for an answer. */
  onLookUp?: (result: CacheResult) => void;
  /** Milliseconds since 1970. */
  now: () => number;
}

/**
 * Answers from recent answers, and reads each report once for simultaneous requests. A request may get an
 * answer that began before it only if the answer is younger than `ttlMs` and no event has arrived late in a
 * closed hour of its range.
 */
export function createReportCache(options: ReportCacheOptions): AnswerReport {
  const { database, ttlMs, maxBytes, onLookUp = () => {}, now } = options;
  const cached = createCachedAnswers(maxBytes);
  /** The latest unfinished report of each key. */
  const running = new Map<string, SharedReport<ReportBody>>();
  const checkLatest = createLatestCheck<boolean>();

  const isYoung = (asOfMs: number | undefined): asOfMs is number =>
    asOfMs !== undefined && now() >= asOfMs && now() - asOfMs < ttlMs;

  const isSettled = async ({ site_id, lateEventSpan }: ReportRequest, rollups: RollupCollections) =>
    lateEventSpan === null || !(await hasStaleClosedHours(rollups, site_id, lateEventSpan, now()));

  /** Whether an answer that began before now may be given. */
  async function mayBeOld(request: ReportRequest): Promise<boolean> {
    const { key, site_id, lateEventSpan } = request;
    const check = () => database.check(site_id, (rollups) => isSettled(request, rollups));
    return lateEventSpan === null || checkLatest(key, check);
  }

  async function run(
    request: ReportRequest,
    readReport: ReadReport,
    { signal, begin }: Making,
  ): Promise<ReportBody> {
    return database.run({ site_id: request.site_id, signal }, async (context) => {
      const { asOfMs } = context;
      begin(asOfMs);
      // Checked before the report reads: a later invalidation outlives the answer.
      const isCacheable = ttlMs > 0 && (await isSettled(request, context.rollups));
      const report = await readReport(context);
      if (isCacheable) {
        cached.set(request.key, { asOfMs, body: encode(markAsCached(report)) });
      }
      return { body: encode(report), source: context.source };
    });
  }

  function start(request: ReportRequest, readReport: ReadReport): SharedReport<ReportBody> {
    const { key } = request;
    const shared: SharedReport<ReportBody> = shareReport(
      (making) => run(request, readReport, making),
      () => {
        if (running.get(key) === shared) {
          running.delete(key);
        }
      },
    );
    running.set(key, shared);
    return shared;
  }

  /** A cached answer or a running report that began before the request and may answer it. */
  async function findEarlier(
    request: ReportRequest,
  ): Promise<CachedAnswer | SharedReport<ReportBody> | undefined> {
    const { key } = request;
    const find = () => [cached.get(key), running.get(key)].find((each) => isYoung(each?.asOfMs));
    // During the check, a report may begin, finish or be abandoned.
    return find() && (await mayBeOld(request)) ? find() : undefined;
  }

  /** A report that has not begun to read will contain every event that is stored now. */
  function findLater({ key }: ReportRequest): SharedReport<ReportBody> | undefined {
    const next = running.get(key);
    return next && next.asOfMs === undefined ? next : undefined;
  }

  return async (request, readReport, watchClient) => {
    const startedMs = performance.now();
    const earlier = await findEarlier(request);
    if (earlier && 'body' in earlier) {
      onLookUp('hit');
      const ageSeconds = Math.floor((now() - earlier.asOfMs) / 1000);
      return { body: earlier.body, ageSeconds, source: 'cache' };
    }
    const signal = watchClient();
    signal.throwIfAborted();
    const shared = earlier ?? findLater(request);
    onLookUp(shared ? 'shared' : 'miss');
    const report = shared ?? start(request, readReport);
    return database.inTime({ signal, startedMs }, (limited) => report.join(limited));
  };
}

/** A buffer of its own: a slice of a pool would keep the whole pool in memory. */
function encode(report: object): Buffer {
  const text = JSON.stringify(report);
  const body = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  body.write(text);
  return body;
}

function markAsCached(report: object): object {
  return 'meta' in report ? { ...report, meta: { ...(report.meta as object), source: 'cache' } } : report;
}
