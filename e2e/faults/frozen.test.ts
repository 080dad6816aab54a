import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'vitest';
import { FOUR_VICTIMS } from './harness/fourVictims.ts';
import { runFault } from './harness/runFault.ts';
import type { Victim } from './harness/victim.ts';

/** Longer than whatever gives up waiting for it, or for what it holds. */
const FREEZE_MS: Record<string, number> = {
  // The 0.9 s of its own commands to Redis.
  ingestion: 3000,
  // The 10 s of the locks that the worker has there; the timeouts of commands are shorter.
  Redis: 12_000,
  // The 10 s of its locks, and the 2.5 s within which others notice.
  worker: 13_000,
  // The 20 s of a write.
  mongod: 22_000,
};

async function freezeFor(victim: Victim, durationMs: number): Promise<void> {
  await victim.freeze();
  await delay(durationMs);
  victim.resume();
}

test.for(FOUR_VICTIMS)(
  'nothing is lost or doubled when %s hangs for longer than its timeouts',
  ([name, { find, rules }], context) =>
    runFault(context, {
      name: `${name} frozen`,
      rules,
      run: ({ system }) => freezeFor(find(system), FREEZE_MS[name] as number),
    }),
);

test('no event is lost or duplicated if one of two workers hangs until the other has taken its jobs', (context) =>
  runFault(context, {
    name: 'worker frozen, another goes on',
    system: { workers: 2 },
    run: ({ system }) => freezeFor(system.workers[0] as Victim, FREEZE_MS['worker'] as number),
  }));
