import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type LoadResult, parseLoadOutput } from './loadLine.ts';
import { runProgram } from './program.ts';
import type { Scope } from './scopes.ts';

export const CONNECTIONS = 64;

interface LoadOptions {
  url: string;
  /** A file with one body a line to post; without it the URL is got. */
  bodiesFile?: string;
  seconds: number;
  /** Tells answers of 503 from other errors; slows wrk down a little. */
  withStatuses?: boolean;
}

export interface LoadGenerator {
  /** As the results call it. */
  name: string;
  /** Asks from 64 connections, each sending its next request when the last is answered. */
  run(scope: Scope, options: LoadOptions): Promise<LoadResult>;
}

/**
 * wrk where it is on the PATH, else autocannon, which itself takes more of the machine than some servers it
 * measures.
 */
export async function findLoadGenerator(benchFolder: string): Promise<LoadGenerator> {
  const version = await readWrkVersion();
  return version === undefined ? createAutocannonLoad(benchFolder) : createWrkLoad(benchFolder, version);
}

function createWrkLoad(benchFolder: string, version: string): LoadGenerator {
  // wrk's threads take cores from the servers; one sends far more than any of them answers.
  const threads = availableParallelism() > 4 ? 2 : 1;
  return {
    name: `wrk ${version}, ${threads} thread${threads > 1 ? 's' : ''}`,
    run: async (scope, { url, bodiesFile, seconds, withStatuses = false }) => {
      const load = [`-t${threads}`, `-c${CONNECTIONS}`, `-d${seconds}s`, '--timeout', '10s'];
      const script = ['-s', join(benchFolder, 'load.lua'), url, '--', ...(bodiesFile ? [bodiesFile] : [])];
      const args = [...load, ...script, ...(bodiesFile && withStatuses ? ['statuses'] : [])];
      return parseLoadOutput(await runProgram(scope, 'wrk', args));
    },
  };
}

function createAutocannonLoad(benchFolder: string): LoadGenerator {
  return {
    name: 'autocannon 8 (no wrk on the PATH)',
    run: async (scope, { url, bodiesFile, seconds }) => {
      const load = [url, String(seconds), String(CONNECTIONS), ...(bodiesFile ? [bodiesFile] : [])];
      const args = [join(benchFolder, 'dist/load.js'), ...load];
      return parseLoadOutput(await runProgram(scope, process.execPath, args));
    },
  };
}

/** `undefined` if there is no wrk. It ends with 1 after telling its version. */
function readWrkVersion(): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile('wrk', ['-v'], (_error, stdout, stderr) => {
      resolve(/\b\d+\.\d+(\.\d+)?/.exec(stdout + stderr)?.[0]);
    });
  });
}
