import { createHash } from 'node:crypto';
import type { Span } from '../timeRange.ts';
import type { ReportStore } from './reportStore.ts';
import { createSingleFlight } from './singleFlight.ts';

/** An answer's body, and its age if it was kept. */
export interface ReportBody {
  body: string;
  ageSeconds?: number;
}

/** What is asked for, and what it depends on. */
export interface ReportRequest {
  route: string;
  site_id: string;
  /** The query as it was understood, its fields always in the same order. */
  query: object;
  /** The time that the answer is of; undefined is all time, null only the present. */
  span: Span | undefined | null;
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

  async function findKept(key: string, request: ReportRequest): Promise<ReportBody | undefined> {
    const kept = await store.find(key);
    const ageMs = kept ? now() - kept.asOfMs : Number.POSITIVE_INFINITY;
    return kept && ageMs >= 0 && ageMs < ttlMs && (await isSettled(request))
      ? { body: kept.body, ageSeconds: Math.floor(ageMs / 1000) }
      : undefined;
  }

  async function make(
    key: string,
    request: ReportRequest,
    makeReport: () => Promise<object>,
  ): Promise<ReportBody> {
    const asOfMs = now();
    const canBeKept = await isSettled(request);
    const report = await makeReport();
    if (canBeKept) {
      await store.keep(key, { asOfMs, body: JSON.stringify(markAsKept(report)) });
    }
    return { body: JSON.stringify(report) };
  }

  return (request, makeReport) => {
    const key = toKey(request);
    return fly(key, async () => (await findKept(key, request)) ?? make(key, request, makeReport));
  };
}

/** The span is in it, because what `today` is changes. */
function toKey({ route, query, span }: ReportRequest): string {
  const text = JSON.stringify([route, query, span?.startMs ?? null, span?.endMs ?? null]);
  return createHash('sha256').update(text).digest('base64url');
}

function markAsKept(report: object): object {
  return 'meta' in report ? { ...report, meta: { ...(report.meta as object), source: 'cache' } } : report;
}
