import { join } from 'node:path';
import { complain, say } from '@analytics/local-stack/terminal';
import { measureBatch } from './parts/batch.ts';
import { measureDrain } from './parts/drain.ts';
import { measureEndToEnd } from './parts/endToEnd.ts';
import { measureIngest } from './parts/ingest.ts';
import { measureMemory } from './parts/memory.ts';
import { measureStats } from './parts/stats.ts';
import { type Bench, createBench } from './src/bench.ts';
import { endOnSignal } from './src/endOnSignal.ts';
import { describeMachine } from './src/machine.ts';
import { HELP, type Options, type PartName, type PartSettings, readOptions } from './src/options.ts';
import { type Report, renderReport } from './src/report.ts';
import { writeResults } from './src/resultsFile.ts';
import { createScopes } from './src/scopes.ts';

const PARTS: Record<PartName, (bench: Bench, settings: PartSettings) => Promise<Report>> = {
  ingest: measureIngest,
  batch: measureBatch,
  drain: measureDrain,
  'end-to-end': measureEndToEnd,
  memory: measureMemory,
  stats: measureStats,
};

const options = readOptionsOrEnd();
const scopes = createScopes();
endOnSignal(scopes);
try {
  await scopes.run(async (scope) => runParts(await createBench(scopes, scope), options));
} catch (error) {
  // While a signal closes everything, it also ends the process.
  if (!scopes.isClosing()) {
    complain(error instanceof Error ? error.message : String(error));
    process.exit(1);
  }
}

async function runParts(bench: Bench, { parts, isShort, settingsOf }: Options): Promise<void> {
  const machine = await describeMachine(bench);
  say(machine);
  for (const part of parts) {
    const report = await PARTS[part](bench, settingsOf(part));
    const date = new Date().toISOString().slice(0, 16).replace('T', ' ');
    say(`\n${part}: ${report.settings}\n\n${renderReport(report)}`);
    if (!isShort) {
      const section = `${date} UTC · ${report.settings}\n\n${machine}\n\n${renderReport(report)}`;
      await writeResults(join(bench.benchFolder, 'RESULTS.md'), part, section);
    }
  }
  say(isShort ? '\nA short run: bench/RESULTS.md stays as it is.' : '\nWritten to bench/RESULTS.md.');
}

function readOptionsOrEnd(): Options {
  try {
    const options = readOptions(process.argv.slice(2));
    if (options) {
      return options;
    }
    say(HELP);
    process.exit(0);
  } catch (error) {
    complain(`${(error as Error).message}\n\n${HELP}`);
    process.exit(1);
  }
}
