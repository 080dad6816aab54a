import { expect, inject, type TestContext } from 'vitest';
import type { FaultRow } from './faultTable.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { type Load, startLoad } from './loadGenerator.ts';
import { observe, waitUntilDrained } from './observation.ts';
import { type AnswerRules, judge } from './oracle.ts';
import { measureCatchUp, measureRecovery } from './recovery.ts';
import { type System, type SystemOptions, startSystem } from './system.ts';

declare module 'vitest' {
  interface ProvidedContext {
    faults: { isShort: boolean; seed: number };
  }
  interface TaskMeta {
    faultRow?: FaultRow;
  }
}

export interface FaultContext {
  system: System;
  load: Load;
  ledger: Ledger;
}

export interface Fault {
  /** Its name in the table. */
  name: string;
  system?: SystemOptions;
  /** Further expected answers. Default: none. */
  rules?: AnswerRules;
  /** The expected number of dead letters. Default: 0. */
  deadLetters?: number;
  /** Does it, under load or after a pause of it, and resolves at the moment when the victim is back. */
  run(context: FaultContext): Promise<void>;
}

const STRICT: AnswerRules = { mayRefuse: false, mayCut: false };

/** What the system promises of a dependency's return; a service that was started again is no slower. */
const MAX_RECOVERY_MS = 5000;

/**
 * Within this, all that was acknowledged before is stored, whatever a worker held when it was hit: its locks
 * must run out.
 */
const MAX_CATCH_UP_MS = 15_000;

/**
 * Runs one fault on a fresh system under load: loads it, breaks it, measures how long it takes to work again
 * and to have stored all that it had acknowledged, loads it some more, waits until the queue is empty and
 * asks the oracle. Fails the test unless all is as promised.
 */
export async function runFault({ task }: TestContext, fault: Fault): Promise<void> {
  const { rules = STRICT, deadLetters = 0 } = fault;
  const eventsAround = inject('faults').isShort ? 200 : 1000;
  const system = await startSystem(fault.system);
  const ledger = createLedger();
  const load = startLoad(ledger, () => [system.ingestion.service.url]);
  try {
    await load.untilAcknowledged(eventsAround);
    await fault.run({ system, load, ledger });
    const earlier = [...ledger.entries.values()].filter(({ isAcknowledged }) => isAcknowledged);
    const [recoveryMs, catchUpMs] = await Promise.all([
      measureRecovery(system, load),
      measureCatchUp(system, earlier),
    ]);
    load.resume();
    await load.untilAcknowledged(eventsAround);
    await load.stop();
    await waitUntilDrained(system);
    const { problems, ...counts } = judge(ledger, await observe(system, ledger), rules);
    const seconds = { recoverySeconds: recoveryMs / 1000, catchUpSeconds: catchUpMs / 1000 };
    task.meta.faultRow = { fault: fault.name, ...counts, ...seconds };
    expect({
      problems,
      dead: system.findDead(),
      deadLetters: counts.deadLettered,
      slowRecoveryMs: recoveryMs > MAX_RECOVERY_MS ? Math.round(recoveryMs) : undefined,
      slowCatchUpMs: catchUpMs > MAX_CATCH_UP_MS ? Math.round(catchUpMs) : undefined,
    }).toEqual({
      problems: [],
      dead: [],
      deadLetters,
      slowRecoveryMs: undefined,
      slowCatchUpMs: undefined,
    });
  } finally {
    await system.remove();
    await load.stop();
  }
}
