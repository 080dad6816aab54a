import { join } from 'node:path';
import { print, printError } from '@analytics/local-stack/terminal';
import { measureBatch } from './parts/batch.ts';
import { measureDrain } from './parts/drain.ts';
import { measureEndToEnd } from './parts/endToEnd.ts';
import { measureIngest } from './parts/ingest.ts';
import { measureMemory } from './parts/memory.ts';
import { measureStats } from './parts/stats/measureStats.ts';
import { type Bench, createBench } from './src/bench.ts';
import { describeMachine } from './src/machine.ts';
import { HELP, type Options, type PartName, type PartSettings, readOptions } from './src/options.ts';
import { type Report, renderReport } from './src/report.ts';
import { writeResults } from './src/resultsFile.ts';
import { createScopes, type Scopes } from './src/scopes.ts';

const PARTS: Record<PartName, (bench: Bench, settings: PartSettings) => Promise<Report>> = {
  ingest: measureIngest,
  batch: measureBatch,
  drain: measureDrain,
  'end-to-end': measureEndToEnd,
  memory: measureMemory,
  stats: measureStats,
};

try {
  const options = readOptions(process.argv.slice(2));
  if (options) {
    const scopes = createScopes();
    closeOnSignal(scopes);
    await scopes.run(async (scope) => runParts(await createBench(scopes, scope), options));
  } else {
    print(HELP);
  }
} catch (error) {
  printError(`${(error as Error).message}\nnpm run bench -- --help shows the options.`);
  process.exit(1);
}

async function runParts(bench: Bench, { parts, isShort, settingsOf }: Options): Promise<void> {
  const machine = await describeMachine(bench);
  print(machine);
  for (const part of parts) {
    const report = await PARTS[part](bench, settingsOf(part));
    const text = renderReport(report);
    print(`\n${part}: ${report.settings}\n\n${text}`);
    if (!isShort) {
      const date = new Date().toISOString().slice(0, 16).replace('T', ' ');
      const section = `${date} UTC · ${report.settings}\n\n${machine}\n\n${text}`;
      await writeResults(join(bench.rootFolder, 'bench/RESULTS.md'), part, section);
    }
  }
  print(isShort ? '\nA short run does not change bench/RESULTS.md.' : '\nWritten to bench/RESULTS.md.');
}

function closeOnSignal(scopes: Scopes): void {
  let isEnding = false;
  const end = async () => {
    // npm repeats the signal of a Ctrl-C; the repetition must not end the process early.
    if (!isEnding) {
      isEnding = true;
      await scopes.closeAll();
      process.exit(130);
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => void end());
  }
}
