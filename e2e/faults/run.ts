import { join } from 'node:path';
import { runCommand } from '@analytics/shared/service/runCommand';
import { startVitest } from 'vitest/node';

const HELP = `npm run test:faults [-- FILE... [--seed N] [--short] [--name PATTERN]]

Breaks a running system in every way of e2e/faults/*.test.ts, one after another, and prints what became of its events.
In its short form all of it takes about 20 minutes.

  FILE            only the files whose names contain this
  --name PATTERN  only the tests whose names match
  --seed N        the random kills come as in an earlier run, which printed N
  --short         less load around each fault and fewer random kills`;

await runCommand({
  help: `${HELP}\n`,
  options: { seed: { type: 'string' }, short: { type: 'boolean' }, name: { type: 'string' } },
  run: async ({ values, positionals }) => {
    if (values.short) {
      process.env['FAULTS'] = 'short';
    }
    if (values.seed !== undefined) {
      process.env['FAULTS_SEED'] = values.seed;
    }
    const vitest = await startVitest('test', positionals, {
      config: join(import.meta.dirname, 'vitest.config.ts'),
      root: join(import.meta.dirname, '../..'),
      watch: false,
      ...(values.name !== undefined && { testNamePattern: values.name }),
    });
    await vitest.exit();
    return Number(process.exitCode ?? 0);
  },
});
