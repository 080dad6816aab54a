import type { Bench } from './bench.ts';
import type { Scope } from './scopes.ts';

/** One of the systems that are compared. */
export interface Variant<Sample> {
  name: string;
  measure(scope: Scope): Promise<Sample>;
}

/** The samples of one variant, one per round. */
export interface Samples<Sample> {
  name: string;
  samples: Sample[];
}

/**
 * Measures the variants alternately (A B C A B C …), each in a scope of its own: the speed of the machine
 * changes over minutes, and the changes affect all variants alike.
 */
export async function measureInTurns<Key extends string, Sample>(
  { scopes, progress }: Pick<Bench, 'scopes' | 'progress'>,
  part: string,
  rounds: number,
  variants: Record<Key, Variant<Sample>>,
): Promise<Record<Key, Samples<Sample>>> {
  const entries = Object.entries<Variant<Sample>>(variants).map(
    ([key, { name, measure }]) => [key, { name, measure, samples: [] as Sample[] }] as const,
  );
  for (let round = 1; round <= rounds; round += 1) {
    for (const [, { name, measure, samples }] of entries) {
      progress.show(`${part}: round ${round} of ${rounds}, ${name}`);
      samples.push(await scopes.run(measure));
      progress.clear();
    }
  }
  return Object.fromEntries(entries) as unknown as Record<Key, Samples<Sample>>;
}
