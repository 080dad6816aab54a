import { parseMetrics } from '@analytics/local-stack/testing/readMetrics';

export type Labels = Readonly<Record<string, string>>;

interface Sample {
  name: string;
  labels: Labels;
  value: number;
}

/** The samples of all targets at one time, in seconds. */
export interface Scrapes {
  seconds: number;
  samples: Sample[];
}

/** A service that is scraped. */
export interface Target {
  job: string;
  /** Where `/metrics` is. */
  url: string;
}

/** Scrapes all targets at once, and adds what Prometheus adds: `up`, and the labels of the target. */
export async function scrapeTargets(targets: readonly Target[], seconds: number): Promise<Scrapes> {
  const scraped = await Promise.all(targets.map(scrapeTarget));
  return { seconds, samples: scraped.flat() };
}

async function scrapeTarget({ job, url }: Target): Promise<Sample[]> {
  const target = { job, instance: new URL(url).host };
  let found: Sample[] = [];
  try {
    const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(5000) });
    found = [...parseMetrics(await response.text())].map(([key, value]) => ({ ...readKey(key), value }));
  } catch {
    // The target is down.
  }
  const up = { name: 'up', labels: target, value: found.length > 0 ? 1 : 0 };
  return [up, ...found.map((sample) => ({ ...sample, labels: { ...sample.labels, ...target } }))];
}

/** Reads the name and the labels of a sample. No value of ours contains a quote. */
function readKey(key: string): Omit<Sample, 'value'> {
  const [name = '', labels = ''] = key.split('{', 2);
  const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value = '']) => [label, value]);
  return { name, labels: Object.fromEntries(pairs) };
}
