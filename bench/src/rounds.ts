import type { Bench } from './bench.ts';
import type { Scope } from './scopes.ts';

/** One of those that are compared. */
export interface Variant<Sample> {
  name: string;
  /** Takes one sample on servers of its own. */
  measure(scope: Scope): Promise<Sample>;
}

/** The samples of a variant, one a round. */
export interface Samples<Sample> {
  name: string;
  samples: Sample[];
}

/**
 * Measures the variants in turns (A B C A B C …): what the machine does beside us changes over minutes, and
 * so meets all alike.
 */
export async function measureInTurns<Key extends string, Sample>(
  { scopes, progress }: Pick<Bench, 'scopes' | 'progress'>,
  part: string,
  rounds: number,
  variants: Record<Key, Variant<Sample>>,
): Promise<Record<Key, Samples<Sample>>> {
  const keys = Object.keys(variants) as Key[];
  const results = Object.fromEntries(
    keys.map((key) => [key, { name: variants[key].name, samples: [] }]),
  ) as unknown as Record<Key, Samples<Sample>>;
  for (let round = 1; round <= rounds; round += 1) {
    for (const key of keys) {
      const { name, measure } = variants[key];
      const endTicking = tick(progress, `${part}: round ${round} of ${rounds}, ${name}`);
      try {
        results[key].samples.push(await scopes.run(measure));
      } finally {
        endTicking();
      }
    }
  }
  return results;
}

/** Shows the text with the seconds that have passed. */
function tick(progress: Bench['progress'], text: string): () => void {
  const startMs = performance.now();
  const show = () => progress.show(`${text}, ${Math.round((performance.now() - startMs) / 1000)} s`);
  show();
  const timer = setInterval(show, 1000);
  return () => {
    clearInterval(timer);
    progress.clear();
  };
}
