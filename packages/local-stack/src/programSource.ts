import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { findLastProblem } from './logLine.ts';
import type { Progress } from './terminal.ts';

/** The options that all searches for a program share. */
export interface ProgramSearch {
  /** The source of PATH, HOME and XDG_CACHE_HOME, and the environment of the programs that download. */
  environment: NodeJS.ProcessEnv;
  progress: Progress;
  signal?: AbortSignal | undefined;
}

/** One place where a program may be. */
export interface ProgramSource {
  /** The name in the list of what was tried. */
  name: string;
  /** Resolves to the program's path. Rejects with the reason if there is none. */
  find(): Promise<string>;
}

export interface WantedProgram {
  title: string;
  /** Major and minor version, as in `6.0`. */
  minimumVersion: string;
  /** A whole sentence: what to do if no source has the program. */
  hint: string;
}

/**
 * Finds the first program of the sources that runs on this machine and is new enough.
 *
 * @throws Error that lists every source with its reason, and what to install.
 */
export async function findProgram(
  { title, minimumVersion, hint }: WantedProgram,
  sources: readonly ProgramSource[],
  signal?: AbortSignal,
): Promise<string> {
  const reasons: string[] = [];
  for (const source of sources) {
    try {
      const program = await source.find();
      await requireRunnable(program, minimumVersion);
      return program;
    } catch (error) {
      signal?.throwIfAborted();
      reasons.push(`  ${source.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(`${title} is needed and can't be had. Tried:\n${reasons.join('\n')}\n${hint}`);
}

/** Searches the PATH for any of these names. */
export function createPathSource(names: readonly string[], environment: NodeJS.ProcessEnv): ProgramSource {
  return {
    name: 'the PATH',
    find: async () => {
      const program = await findOnPath(names, environment);
      if (program === undefined) {
        throw new Error(`no ${names.join(' or ')} there`);
      }
      return program;
    },
  };
}

/** Finds a program that was downloaded earlier. */
export function createCacheSource(program: string): ProgramSource {
  return {
    name: 'fetched earlier',
    find: async () => {
      if (!(await isProgram(program))) {
        throw new Error(`no ${program}`);
      }
      return program;
    },
  };
}

/** The first program on the PATH that has one of these names. */
export async function findOnPath(
  names: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const folders = (environment['PATH'] ?? '').split(delimiter).filter(Boolean);
  for (const name of names) {
    for (const folder of folders) {
      const program = join(folder, name);
      if (await isProgram(program)) {
        return program;
      }
    }
  }
  return undefined;
}

/** The folder that keeps downloaded programs. */
export function findCacheFolder(environment: NodeJS.ProcessEnv): string {
  const home = environment['HOME'] || homedir();
  const usual = process.platform === 'darwin' ? join(home, 'Library', 'Caches') : join(home, '.cache');
  return join(environment['XDG_CACHE_HOME'] || usual, 'analytics-backend');
}

/** The reason why a program run by `execFile` failed: the last error that it printed, if any. */
export function explainFailure(error: unknown): string {
  const {
    stderr = '',
    stdout = '',
    signal,
    message,
  } = error as Error & {
    stderr?: string;
    stdout?: string;
    signal?: string;
  };
  const lastProblem = findLastProblem(`${stdout}\n${stderr}`.split('\n'));
  return lastProblem ?? (signal ? `it ended by ${signal}` : message);
}

/**
 * Runs a program with `--version`.
 *
 * @returns major and minor version; undefined if the output contains none.
 * @throws Error with the reason if it does not run.
 */
export async function readProgramVersion(
  program: string,
): Promise<[major: number, minor: number] | undefined> {
  const { stdout } = await promisify(execFile)(program, ['--version'], { timeout: 10_000 }).catch((error) => {
    throw new Error(`${program} does not run here: ${explainFailure(error)}`);
  });
  const [, major, minor] = /(\d+)\.(\d+)/.exec(stdout) ?? [];
  return major === undefined ? undefined : [Number(major), Number(minor)];
}

async function requireRunnable(program: string, minimumVersion: string): Promise<void> {
  const version = await readProgramVersion(program);
  const [major = 0, minor = 0] = minimumVersion.split('.').map(Number);
  const isNewEnough = version && (version[0] > major || (version[0] === major && version[1] >= minor));
  if (!isNewEnough) {
    throw new Error(
      `${program} is version ${version?.join('.') ?? 'unknown'}, ${minimumVersion} or newer is needed`,
    );
  }
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    // It does not exist, or this user may not run it.
    return false;
  }
}
