import { AnalyticsError, type ReceivedAnswer } from './requester.ts';
import type {
  Breakdown,
  BreakdownParameters,
  Comparison,
  ComparisonParameters,
  Realtime,
  RealtimeParameters,
  SiteStats,
  StatsParameters,
  Timeseries,
  TimeseriesParameters,
} from './types.ts';

/** Reads reports. Each rejects with an `AnalyticsError` if there is no report. */
export interface Reports {
  /** Views, users and top paths. */
  stats(parameters: StatsParameters): Promise<SiteStats>;
  /** Views and users of each hour, day, week or month. */
  timeseries(parameters: TimeseriesParameters): Promise<Timeseries>;
  /** Views and users of each value of a dimension. */
  breakdown(parameters: BreakdownParameters): Promise<Breakdown>;
  /** A range and an earlier one. */
  compare(parameters: ComparisonParameters): Promise<Comparison>;
  /** The last thirty minutes. */
  realtime(parameters: RealtimeParameters): Promise<Realtime>;
}

export function createReports(get: (path: string) => Promise<ReceivedAnswer>): Reports {
  async function read<Answer>(path: string, parameters: object): Promise<Answer> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(parameters)) {
      if (value !== undefined) {
        query.set(name, String(value));
      }
    }
    const answer = await get(`${path}?${query}`).catch((cause: unknown) => {
      throw new AnalyticsError({}, { cause });
    });
    if (answer.status !== 200) {
      throw new AnalyticsError(answer);
    }
    return answer.body as Answer;
  }

  return {
    stats: (parameters) => read('/stats', parameters),
    timeseries: (parameters) => read('/stats/timeseries', parameters),
    breakdown: (parameters) => read('/stats/breakdown', parameters),
    compare: (parameters) => read('/stats/compare', parameters),
    realtime: (parameters) => read('/stats/realtime', parameters),
  };
}
