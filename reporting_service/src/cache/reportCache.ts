import { createHash } from 'node:crypto';
import type { Span } from '../timeRange.ts';
import type { ReportStore } from './reportStore.ts';
import { createSingleFlight } from './singleFlight.ts';

/** Longer answers are not kept, in UTF-16 code units: the queue's Redis has better use for its memory. */
const MAX_KEPT_LENGTH = 256 * 1024;

/** An answer's body, and its age if it was kept. */
export interface ReportBody {
  body: string;
  ageSeconds?: number;
}

/** What is asked for, and what it depends on. */
export interface ReportRequest {
  /** Stands for the route, the query as it was understood, and the span: `today` is another question after midnight. */
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

export type AnswerReport = (request: ReportRequest, makeReport: () => Promise<object>) => Promise<ReportBody>;

export interface ReportCacheOptions {
  store: ReportStore;
  /** The greatest age of an answer. A mark of a late event must outlive it (docs/decisions/0010). */
  ttlMs: number;
  /** Whether events are coming late to an hour that is over. */
  hasLateEvents: (site_id: string, span: Span | undefined) => Promise<boolean>;
  /** Milliseconds since 1970. */
  now: () => number;
}

/** Answers without keeping anything. */
export const answerAnew: AnswerReport = async (_request, makeReport) => ({
  body: JSON.stringify(await makeReport()),
});

/**
 * Answers with what was answered a moment ago, and makes each report once for all who ask at the same time. Only of the present may
 * an answer be old: while events come late to an hour that is over, what it is part of is not kept, and not taken from what was.
 */
export function createReportCache({ store, ttlMs, hasLateEvents, now }: ReportCacheOptions): AnswerReport {
  const fly = createSingleFlight<ReportBody>();

  async function isSettled({ site_id, span }: ReportRequest): Promise<boolean> {
    return span === null || !(await hasLateEvents(site_id, span));
  }

  async function findKept(request: ReportRequest): Promise<ReportBody | undefined> {
    const kept = await store.find(request.key);
    const ageMs = kept ? now() - kept.asOfMs : Number.POSITIVE_INFINITY;
    return kept && ageMs >= 0 && ageMs < ttlMs && (await isSettled(request))
      ? { body: kept.body, ageSeconds: Math.floor(ageMs / 1000) }
      : undefined;
  }

  async function make(request: ReportRequest, makeReport: () => Promise<object>): Promise<ReportBody> {
    const asOfMs = now();
    const canBeKept = await isSettled(request);
    const report = await makeReport();
    const body = JSON.stringify(report);
    if (canBeKept && body.length <= MAX_KEPT_LENGTH) {
      await store.keep(request.key, { asOfMs, body: JSON.stringify(markAsKept(report)) });
    }
    return { body };
  }

  return (request, makeReport) =>
    fly(request.key, async () => (await findKept(request)) ?? make(request, makeReport));
}

function markAsKept(report: object): object {
  return 'meta' in report ? { ...report, meta: { ...(report.meta as object), source: 'cache' } } : report;
}
