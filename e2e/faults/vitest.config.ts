import { randomInt } from 'node:crypto';
import { defineConfig } from 'vitest/config';
import rootConfig from '../../vitest.config.ts';
import { createTableReporter } from './harness/tableReporter.ts';

const { FAULTS, FAULTS_SEED, CI } = process.env;

// `npm run test:faults` (run.ts) sets both. The services are run as built; what is tested here needs no
// source.
export default defineConfig({
  resolve: rootConfig.resolve ?? {},
  ssr: rootConfig.ssr ?? {},
  test: {
    include: ['e2e/faults/*.test.ts'],
    provide: {
      faults: { isShort: FAULTS === 'short', seed: Number(FAULTS_SEED ?? randomInt(2 ** 31)) },
    },
    pool: 'forks',
    // The time to recover is measured, so nothing else may run beside it.
    fileParallelism: false,
    testTimeout: 300_000,
    reporters: ['verbose', createTableReporter(), ...(CI ? ['json'] : [])],
    outputFile: { json: 'fault-results.json' },
  },
});
