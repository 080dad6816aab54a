/** One metric, as a row in the table of its service. Names and units follow the conventions of Prometheus. */
export interface MetricRow {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly name: string;
  readonly help: string;
  /** All values of each label: a metric has no series beside these. */
  readonly labels?: Readonly<Record<string, readonly string[]>>;
  /** The upper bounds of a histogram. */
  readonly buckets?: readonly number[];
}

export type MetricTable = Readonly<Record<string, MetricRow>>;

type LabelsOf<Row extends MetricRow> = Row extends {
  labels: infer Labels extends Readonly<Record<string, readonly string[]>>;
}
  ? [labels: { readonly [Name in keyof Labels]: Labels[Name][number] }]
  : [];

/** A count since the start of the process. */
interface Counter<Labels extends unknown[]> {
  add(count: number, ...labels: Labels): void;
}

/** A value that is read at each scrape. */
interface Gauge<Labels extends unknown[]> {
  set(value: number, ...labels: Labels): void;
}

/** A distribution of values, such as times in seconds. */
interface Histogram<Labels extends unknown[]> {
  observe(value: number, ...labels: Labels): void;
}

/** The metrics of a table, by the names of its rows. */
export type MetricsOf<Table extends MetricTable> = {
  readonly [Key in keyof Table]: {
    counter: Counter<LabelsOf<Table[Key]>>;
    gauge: Gauge<LabelsOf<Table[Key]>>;
    histogram: Histogram<LabelsOf<Table[Key]>>;
  }[Table[Key]['type']];
};

/** Lists each combination of the values of a row's labels. */
export function listLabels({ labels = {} }: MetricRow): Record<string, string>[] {
  let combinations: Record<string, string>[] = [{}];
  for (const [name, values] of Object.entries(labels)) {
    combinations = combinations.flatMap((given) => values.map((value) => ({ ...given, [name]: value })));
  }
  return combinations;
}
