import type { Reporter, TestModule } from 'vitest/node';
import { formatFaultTable } from './faultTable.ts';

/**
 * Prints the table of all faults when the run is over; a fault that did not come to its end is named below
 * it.
 */
export function createTableReporter(): Reporter {
  return {
    onTestRunEnd: (testModules: readonly TestModule[]) => {
      // Vitest starts with the files that took longest; the table should look the same each time.
      const inOrder = [...testModules].sort((a, b) => a.moduleId.localeCompare(b.moduleId));
      const tests = inOrder.flatMap((testModule) => [...testModule.children.allTests()]);
      const rows = tests.flatMap((test) => test.meta().faultRow ?? []);
      const broken = tests.filter((test) => test.result().state === 'failed' && !test.meta().faultRow);
      process.stdout.write(
        `\n${formatFaultTable(rows)}\n${broken.map(({ name }) => `without a row: ${name}\n`).join('')}`,
      );
    },
  };
}
