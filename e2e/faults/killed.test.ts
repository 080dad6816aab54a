import { test } from 'vitest';
import { FOUR_VICTIMS } from './harness/fourVictims.ts';
import { runFault } from './harness/runFault.ts';

test.for(FOUR_VICTIMS)('nothing is lost or doubled when %s is killed under load', (target, context) =>
  runFault(context, {
    name: `${target[0]} killed`,
    rules: target[1].rules,
    run: async ({ system }) => {
      const victim = target[1].find(system);
      await victim.kill();
      await victim.restart();
    },
  }),
);
