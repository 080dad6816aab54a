import { setFlagsFromString } from 'node:v8';

/** In percent of what the old generation may grow by before V8 has to collect it. */
const SOFT_TRIGGER_PERCENT = 25;

/**
 * Has V8 begin to collect old garbage earlier than it would by itself, which on a machine with much memory is
 * after tens of megabytes: a process under full load then stays at its working size. It costs no throughput
 * that could be measured where events pass; a report of many sets of users, whose bytes count as well, is a
 * sixth slower with it.
 */
export function collectGarbageEarly(): void {
  setFlagsFromString(`--incremental-marking-soft-trigger=${SOFT_TRIGGER_PERCENT}`);
}
