import { type ParseArgsConfig, parseArgs } from 'node:util';

type ParseArgsOptionsConfig = NonNullable<ParseArgsConfig['options']>;

type ParsedArgs<Options extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ allowPositionals: true; options: Options }>
>;

/** The output of a command. */
export interface CommandOutput {
  /** Writes a line to standard output. */
  print(line: string): void;
  /** Shows a line of progress in place of the last one. Does nothing unless standard error is a terminal. */
  showProgress(line: string): void;
  /** Ends the line of progress. */
  endProgress(): void;
}

export interface Command<Options extends ParseArgsOptionsConfig> {
  help: string;
  options: Options;
  /** Whether the first positional argument is required. Without it, the command prints its help and fails. */
  needsSubcommand?: boolean;
  /** Resolves with the exit code. A rejection becomes one line on standard error and exit code 1. */
  run(args: ParsedArgs<Options>, output: CommandOutput): Promise<number>;
}

const output: CommandOutput = {
  print: (line) => {
    process.stdout.write(`${line}\n`);
  },
  showProgress: (line) => {
    if (process.stderr.isTTY) {
      process.stderr.write(`\r${line}`);
    }
  },
  endProgress: () => {
    if (process.stderr.isTTY) {
      process.stderr.write('\n');
    }
  },
};

/** Runs a command-line program with the arguments of the process, and sets its exit code. Adds `--help`. */
export async function runCommand<const Options extends ParseArgsOptionsConfig>({
  help,
  options,
  needsSubcommand = false,
  run,
}: Command<Options>): Promise<void> {
  try {
    const args = parseArgs({
      allowPositionals: true,
      options: { ...options, help: { type: 'boolean', default: false } },
    });
    const isHelp = (args.values as { help?: boolean }).help === true;
    if (isHelp || (needsSubcommand && args.positionals.length === 0)) {
      process.stdout.write(help);
      process.exitCode = isHelp ? 0 : 1;
      return;
    }
    process.exitCode = await run(args as ParsedArgs<Options>, output);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
