import { join } from 'node:path';
import type { Bench } from './bench.ts';
import type { Contender } from './contenders.ts';
import type { PartSettings } from './options.ts';
import { runProgram } from './program.ts';
import type { Samples, Variant } from './rounds.ts';
import type { Scope } from './scopes.ts';
import type { Load, LoadResult } from './sendLoad.ts';

export const CONNECTIONS = 64;

/**
 * Runs `sendLoad` on 64 connections in a process of its own.
 *
 * @throws Error if that process fails.
 */
export async function runLoad(
  bench: Bench,
  scope: Scope,
  { url, seconds, eventsPerRequest }: Omit<Load, 'connections'>,
): Promise<LoadResult> {
  const program = join(bench.rootFolder, 'bench/dist/load.js');
  const args = [program, url, seconds, CONNECTIONS, eventsPerRequest].map(String);
  return JSON.parse(await runProgram(scope, process.execPath, args)) as LoadResult;
}

interface HttpLoad {
  name: string;
  path: string;
  eventsPerRequest: number;
  start(scope: Scope): Promise<Contender>;
}

/** A variant that starts a server, warms it up and then measures it under full load. */
export function createHttpVariant(
  bench: Bench,
  { warmUpSeconds, seconds }: PartSettings,
  { name, path, eventsPerRequest, start }: HttpLoad,
): Variant<LoadResult> {
  return {
    name,
    measure: async (scope) => {
      const url = `${(await start(scope)).url}${path}`;
      await runLoad(bench, scope, { url, eventsPerRequest, seconds: warmUpSeconds });
      return runLoad(bench, scope, { url, eventsPerRequest, seconds });
    },
  };
}

/** Accepted requests per second. */
export function readRate({ accepted, seconds }: LoadResult): number {
  return accepted / seconds;
}

/** One remark for each variant that did not answer every request with 2xx. */
export function remarkTrouble(results: readonly Samples<LoadResult>[]): string[] {
  return results.flatMap(({ name, samples }) => {
    const troubles = (
      [
        ['unavailable', 'answers of 503 (overloaded)'],
        ['otherErrors', 'answers that are not 2xx'],
        ['socketErrors', 'socket errors'],
      ] as const
    ).flatMap(([key, trouble]) => {
      const count = samples.reduce((sum, sample) => sum + sample[key], 0);
      return count > 0 ? [`${count.toLocaleString('en')} ${trouble}`] : [];
    });
    return troubles.length > 0 ? [`${name}: ${troubles.join(', ')}`] : [];
  });
}
