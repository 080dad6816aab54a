/** The samples of a scrape in the text format, by their name with labels. */
export type Samples = ReadonlyMap<string, number>;

/** Parses a scrape in the text format of Prometheus. */
export function parseMetrics(text: string): Samples {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

/** The samples that are not zero and whose names match, as an object that a test can compare. */
export function pickSamples(samples: Samples, name: RegExp): Record<string, number> {
  return Object.fromEntries([...samples].filter(([key, value]) => value !== 0 && name.test(key)));
}
