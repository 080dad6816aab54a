import type { AnswerSource } from '../planner/planReads.ts';
import type { ValuePage } from '../sources/events/countValues.ts';

export interface GroupCounts {
  views: number;
  unique_users: number;
}

/** The counts that answer a question. */
export interface Counts {
  source: AnswerSource;
  /** In the order of the intervals of the question. */
  intervals: GroupCounts[];
  /** Present if the question has values. */
  values?: ValuePage;
}
