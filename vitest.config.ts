import { defineConfig } from 'vitest/config';

// The workspace's packages are read from their sources, so that a test never runs against a stale build.
const conditions = ['@analytics/source'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: [
      'packages/*/test/**/*.test.ts',
      '*_service/test/**/*.test.ts',
      'e2e/*.test.ts',
      'e2e/faults/harness/*.test.ts',
      'bench/test/**/*.test.ts',
    ],
    globalSetup: ['packages/local-stack/src/testing/globalSetup.ts'],
    // A process of its own for each file, so that what a file leaves open can be seen.
    pool: 'forks',
    // Tests wait for servers more than they compute, so that one file for each core leaves no core idle for
    // long.
    maxWorkers: '100%',
    testTimeout: 20_000,
    hookTimeout: 30_000,
    reporters: process.env['CI'] ? ['default', ['json', { outputFile: 'test-results.json' }]] : ['default'],
  },
});
