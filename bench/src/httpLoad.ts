import type { Bench } from './bench.ts';
import type { Contender } from './contenders.ts';
import { describeTrouble, type LoadResult } from './loadLine.ts';
import type { Samples, Variant } from './rounds.ts';
import type { Scope } from './scopes.ts';

export interface HttpLoad {
  name: string;
  path: string;
  /** Without it the path is got. */
  bodiesFile?: string;
  warmUpSeconds: number;
  seconds: number;
  start(scope: Scope): Promise<Contender>;
}

/** The answers of a server under full load, once it is warm. */
export function createHttpVariant(bench: Bench, options: HttpLoad): Variant<LoadResult> {
  const { name, path, bodiesFile, warmUpSeconds, seconds, start } = options;
  return {
    name,
    measure: async (scope) => {
      const url = `${(await start(scope)).url}${path}`;
      const load = bodiesFile === undefined ? { url } : { url, bodiesFile };
      await bench.loadGenerator.run(scope, { ...load, seconds: warmUpSeconds });
      return bench.loadGenerator.run(scope, { ...load, seconds });
    },
  };
}

export function readRate({ accepted, seconds }: LoadResult): number {
  return accepted / seconds;
}

/** A remark on each variant that did not answer everything with 2xx: its numbers are not what they seem. */
export function remarkTrouble(results: readonly Samples<LoadResult>[]): string[] {
  return results.flatMap(({ name, samples }) => {
    const trouble = describeTrouble(samples);
    return trouble ? [`${name}: ${trouble}`] : [];
  });
}
