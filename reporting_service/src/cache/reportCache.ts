import { createHash } from 'node:crypto';
import type { RollupCollections } from '@analytics/rollups/documents';
import { hasStaleClosedHours } from '@analytics/rollups/invalidations';
import type { EventReader } from '../eventReader.ts';
import type { ReportSource } from '../reportSource.ts';
import type { Span } from '../timeRange.ts';
import { createKeptAnswers, type KeptAnswer } from './keptAnswers.ts';
import { createLatestCheck } from './latestCheck.ts';
import { type Making, type SharedReport, shareReport } from './sharedReports.ts';

/** An answer's body, and its age if it was kept. */
export interface ReportBody {
  body: Buffer;
  ageSeconds?: number;
}

/** What is asked for, and what it depends on. */
export interface ReportRequest {
  /**
   * Stands for the route, the query as it was understood, and the span: `today` is another question after
   * midnight.
   */
  key: string;
  site_id: string;
  /** The time that the answer is of; undefined is all time, null only the present. */
  span: Span | undefined | null;
}

/** `query` has its fields always in the same order. */
export function createReportRequest(
  route: string,
  query: { site_id: string },
  span: ReportRequest['span'],
): ReportRequest {
  const text = JSON.stringify([route, query, span?.startMs ?? null, span?.endMs ?? null]);
  const key = createHash('sha256').update(text).digest('base64url');
  return { key, site_id: query.site_id, span };
}

export type MakeReport = (source: ReportSource) => Promise<object>;

/**
 * Answers a request. `watchClient` makes a signal that aborts when the client has left; it is asked for only
 * if no kept answer will do, because a signal costs as much as giving a kept answer.
 *
 * @throws ProblemError 503 if MongoDB could not answer in time.
 * @throws the signal's reason once it aborts; the work stops unless other requests wait for it.
 */
export type AnswerReport = (
  request: ReportRequest,
  makeReport: MakeReport,
  watchClient: () => AbortSignal,
) => Promise<ReportBody>;

export interface ReportCacheOptions {
  reader: EventReader;
  /**
   * The greatest age of an answer; 0 keeps none. A mark of a late event must outlive it
   * (docs/decisions/0010).
   */
  ttlMs: number;
  /** What the kept answers may take, in bytes. */
  maxBytes: number;
  /** Milliseconds since 1970. */
  now: () => number;
}

/**
 * Answers from recent answers, and makes each report once for simultaneous requests. A request may get an
 * answer that began before it only if that answer is younger than `ttlMs` and no event has come late to an
 * hour of its range that is over.
 */
export function createReportCache({ reader, ttlMs, maxBytes, now }: ReportCacheOptions): AnswerReport {
  const kept = createKeptAnswers(maxBytes);
  /** The latest report of each key that is being made. */
  const underWay = new Map<string, SharedReport<ReportBody>>();
  const checkLatest = createLatestCheck<boolean>();

  const isFresh = (asOfMs: number | undefined): asOfMs is number =>
    asOfMs !== undefined && now() >= asOfMs && now() - asOfMs < ttlMs;

  const isSettled = async ({ site_id, span }: ReportRequest, rollups: RollupCollections) =>
    span === null || !(await hasStaleClosedHours(rollups, site_id, span, now()));

  /** Whether an answer that was begun before now may be given. */
  async function mayBeOld(request: ReportRequest): Promise<boolean> {
    const { key, site_id, span } = request;
    const check = () => reader.check(site_id, (rollups) => isSettled(request, rollups));
    return span === null || checkLatest(key, check);
  }

  async function make(
    request: ReportRequest,
    makeReport: MakeReport,
    { signal, begin }: Making,
  ): Promise<ReportBody> {
    return reader.read({ site_id: request.site_id, signal }, async (source) => {
      const { asOfMs } = source;
      begin(asOfMs);
      // Asked before the reading: a mark that is made later outlives the answer.
      const canBeKept = ttlMs > 0 && (await isSettled(request, source.rollups));
      const report = await makeReport(source);
      if (canBeKept) {
        kept.keep(request.key, { asOfMs, body: encode(markAsKept(report)) });
      }
      return { body: encode(report) };
    });
  }

  function begin(request: ReportRequest, makeReport: MakeReport): SharedReport<ReportBody> {
    const { key } = request;
    const shared: SharedReport<ReportBody> = shareReport(
      (making) => make(request, makeReport, making),
      () => {
        if (underWay.get(key) === shared) {
          underWay.delete(key);
        }
      },
    );
    underWay.set(key, shared);
    return shared;
  }

  /** A kept answer, or a report under way, that began before the request and may answer it. */
  async function findEarlier(
    request: ReportRequest,
  ): Promise<KeptAnswer | SharedReport<ReportBody> | undefined> {
    const { key } = request;
    const find = () => [kept.find(key), underWay.get(key)].find((each) => isFresh(each?.asOfMs));
    // During the check a report may be finished, begun or given up.
    return find() && (await mayBeOld(request)) ? find() : undefined;
  }

  /** What has not begun yet will hold all that is stored by now. */
  function findLater(request: ReportRequest, makeReport: MakeReport): SharedReport<ReportBody> {
    const next = underWay.get(request.key);
    return next && next.asOfMs === undefined ? next : begin(request, makeReport);
  }

  return async (request, makeReport, watchClient) => {
    const startedMs = performance.now();
    const earlier = await findEarlier(request);
    if (earlier && 'body' in earlier) {
      return { body: earlier.body, ageSeconds: Math.floor((now() - earlier.asOfMs) / 1000) };
    }
    const signal = watchClient();
    signal.throwIfAborted();
    const report = earlier ?? findLater(request, makeReport);
    return reader.inTime({ signal, startedMs }, (limited) => report.join(limited));
  };
}

/** A buffer of its own: a part of a pool would keep all of the pool. */
function encode(report: object): Buffer {
  const text = JSON.stringify(report);
  const body = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  body.write(text);
  return body;
}

function markAsKept(report: object): object {
  return 'meta' in report ? { ...report, meta: { ...(report.meta as object), source: 'cache' } } : report;
}
