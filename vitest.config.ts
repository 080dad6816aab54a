import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// The workspace's packages are read from their sources, so that a test never runs against a stale build.
const conditions = ['@analytics/source'];
const packages = { resolve: { conditions }, ssr: { resolve: { conditions } } };

export default defineConfig({
  test: {
    projects: [
      {
        // Pure tests: neither a build nor a server.
        ...packages,
        test: {
          name: 'unit',
          include: ['**/test/**/*.unit.test.ts', 'e2e/*.unit.test.ts', 'bench/test/**/*.test.ts'],
          pool: 'threads',
          testTimeout: 20_000,
          isolate: false,
        },
      },
      {
        ...packages,
        test: {
          name: 'system',
          include: [
            'packages/*/test/**/*.test.ts',
            '*_service/test/**/*.test.ts',
            'e2e/*.test.ts',
            'e2e/faults/harness/*.test.ts',
          ],
          exclude: ['**/node_modules/**', '**/*.unit.test.ts'],
          globalSetup: ['packages/local-stack/src/testing/globalSetup.ts'],
          pool: 'forks',
          // The files of a process share the loaded modules, because loading them takes a fifth of the time.
          // A file fails if it leaves a connection open (useTestStack).
          isolate: false,
          testTimeout: 20_000,
          hookTimeout: 30_000,
        },
      },
    ],
    // Tests wait for servers more than they compute.
    maxWorkers: availableParallelism() + 1,
    reporters: process.env['CI'] ? ['default', ['json', { outputFile: 'test-results.json' }]] : ['default'],
  },
});
