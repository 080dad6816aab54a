import { inject, test } from 'vitest';
import { FOUR_VICTIMS, type Target } from './harness/fourVictims.ts';
import { runFault } from './harness/runFault.ts';
import { createSeededRandom } from './harness/seededRandom.ts';

const { isShort, seed } = inject('faults');
const ROUNDS = isShort ? 4 : 10;

test(`nothing is lost or doubled in ${ROUNDS} rounds of random kills (--seed ${seed})`, (context) =>
  runFault(context, {
    name: `${ROUNDS} random kills, seed ${seed}`,
    rules: { mayRefuse: true, mayCut: true },
    run: async ({ system, load }) => {
      const random = createSeededRandom(seed);
      for (let round = 1; round <= ROUNDS; round += 1) {
        const [, target] = FOUR_VICTIMS[random(0, FOUR_VICTIMS.length - 1)] as [string, Target];
        const victim = target.find(system);
        await load.untilAcknowledged(random(20, 400));
        await victim.kill();
        await victim.restart();
      }
    },
  }));
