import { parseArgs } from 'node:util';

export const PART_NAMES = ['ingest', 'batch', 'drain', 'end-to-end', 'memory', 'stats'] as const;

export type PartName = (typeof PART_NAMES)[number];

export interface PartSettings {
  rounds: number;
  /** V8 compiles in the background: on two busy cores, a service needs 4 to 6 s to reach full speed. */
  warmUpSeconds: number;
  /** Of load in each measurement. */
  seconds: number;
  drainEvents: number;
  dayEvents: number;
  dayUsers: number;
  /** Of one site; another site has twice as many. */
  yearEvents: number;
  yearUsers: number;
  yearDays: number;
}

export interface Options {
  parts: PartName[];
  /** Runs one short round of each part and writes no results. */
  isShort: boolean;
  settingsOf(part: PartName): PartSettings;
}

export const HELP = `npm run bench [-- PART... [--rounds N] [--seconds N] [--short]]

Compares this system with bare node:http, with the original's design written plainly (bench/naive) and with raw inserts
by MongoDB's driver: in one run, alternately, on its own Redis and MongoDB. Prints medians and ranges, and writes them
to bench/RESULTS.md. All parts together take about an hour and a half.

  ingest      POST /event: requests per second and p99; Redis with appendfsync everysec and always
  batch       POST /events with 100 events each: events per second
  drain       200,000 queued events to MongoDB: documents per second
  end-to-end  ingestion and worker at the same time under full load: stored events per second
  memory      resident memory of ingestion and worker under full load
  stats       reports of a day of 1,000,000 events and of years of 10,000,000 and 20,000,000, from events, rollups and
              cache; making rollups, and disk space. Needs 8 GB of memory and 15 GB of disk

  --rounds N   rounds of each part (ingest and stats 5, memory 1, others 3)
  --seconds N  seconds of load in each measurement (ingest, batch and stats 10, end-to-end 60, memory 300)
  --short      checks that everything runs, in a few seconds per measurement; writes no results
  --help       shows this text

Every process runs on the Node that runs the benchmark. To measure another one, build first (npm run bench -- --help
does), then run: /path/to/node bench/dist/run.js [PART...]
`;

/** Rounds, seconds of load, and seconds of load of a short run. */
const DEFAULTS: Record<PartName, [rounds: number, seconds: number, shortSeconds: number]> = {
  ingest: [5, 10, 2],
  batch: [3, 10, 2],
  drain: [3, 2, 1],
  'end-to-end': [3, 60, 8],
  memory: [1, 300, 15],
  stats: [5, 10, 2],
};

const LONG_SIZES = {
  warmUpSeconds: 8,
  drainEvents: 200_000,
  dayEvents: 1_000_000,
  dayUsers: 100_000,
  yearEvents: 10_000_000,
  // A few of them get no event.
  yearUsers: 1_000_100,
  yearDays: 365,
};

const SHORT_SIZES = {
  warmUpSeconds: 1,
  drainEvents: 10_000,
  dayEvents: 20_000,
  dayUsers: 2000,
  yearEvents: 50_000,
  yearUsers: 5000,
  yearDays: 40,
};

/**
 * Reads the command line; undefined if it asks for help.
 *
 * @throws Error in one sentence if an argument is invalid.
 */
export function readOptions(args: string[]): Options | undefined {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      short: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    return undefined;
  }
  const rounds = readCount('--rounds', values.rounds);
  const seconds = readCount('--seconds', values.seconds);
  return {
    parts: readParts(positionals),
    isShort: values.short,
    settingsOf: (part) => {
      const [longRounds, longSeconds, shortSeconds] = DEFAULTS[part];
      return {
        rounds: rounds ?? (values.short ? 1 : longRounds),
        seconds: seconds ?? (values.short ? shortSeconds : longSeconds),
        ...(values.short ? SHORT_SIZES : LONG_SIZES),
      };
    },
  };
}

function readParts(names: string[]): PartName[] {
  const unknown = names.find((name) => !PART_NAMES.includes(name as PartName));
  if (unknown !== undefined) {
    throw new Error(`There is no part "${unknown}"; the parts are ${PART_NAMES.join(', ')}.`);
  }
  return names.length === 0 ? [...PART_NAMES] : PART_NAMES.filter((part) => names.includes(part));
}

function readCount(option: string, text: string | undefined): number | undefined {
  if (text !== undefined && !/^[1-9]\d{0,4}$/.test(text)) {
    throw new Error(`${option} must be a whole number from 1 to 99999, not "${text}".`);
  }
  return text === undefined ? undefined : Number(text);
}
