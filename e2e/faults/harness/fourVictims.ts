import type { AnswerRules } from './oracle.ts';
import type { System } from './system.ts';
import type { Victim } from './victim.ts';

/** A process that every fault of its kind hits once. */
export interface Target {
  find(system: System): Victim;
  /** Which answers may come of it. */
  rules: AnswerRules;
}

const INGESTION_HIT: AnswerRules = { mayRefuse: true, mayCut: true };
const REDIS_HIT: AnswerRules = { mayRefuse: true, mayCut: false };
/** What lies behind the queue makes no client wait and refuses nothing. */
const NONE_HIT: AnswerRules = { mayRefuse: false, mayCut: false };

/** The parts that an event passes on its way. */
export const FOUR_VICTIMS: readonly (readonly [name: string, target: Target])[] = [
  ['ingestion', { find: ({ ingestion }) => ingestion, rules: INGESTION_HIT }],
  ['Redis', { find: ({ redis }) => redis, rules: REDIS_HIT }],
  ['worker', { find: ({ workers: [worker] }) => worker as Victim, rules: NONE_HIT }],
  ['mongod', { find: ({ mongo }) => mongo, rules: NONE_HIT }],
];
