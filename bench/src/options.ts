import { parseArgs } from 'node:util';

export const PART_NAMES = ['ingest', 'batch', 'drain', 'end-to-end', 'memory', 'stats'] as const;

export type PartName = (typeof PART_NAMES)[number];

/** How long and how often a part measures. */
export interface PartSettings {
  rounds: number;
  /**
   * Of load before each measurement of requests. V8 compiles on a thread of its own, which gets little of two
   * busy cores: a service is at its full speed after four to six seconds.
   */
  warmUpSeconds: number;
  /** Of load in each measurement. */
  seconds: number;
  /** Queued for one drain. */
  drainEvents: number;
  reports: ReportSizes;
}

/** What reports are made from. */
interface ReportSizes {
  /** Of one day, and of today so far. */
  dayEvents: number;
  dayUsers: number;
  /** Of a year; another site has twice as many. */
  yearEvents: number;
  yearUsers: number;
  yearDays: number;
}

export interface Options {
  parts: PartName[];
  /** A look whether everything runs: one short round of each, and nothing is written to `RESULTS.md`. */
  isShort: boolean;
  settingsOf(part: PartName): PartSettings;
}

export const HELP = `npm run bench [-- PART... [--rounds N] [--seconds N] [--short]]

Compares this system with bare node:http, with the original's design written plainly (bench/naive) and with raw inserts
by MongoDB's driver, in one run and in turns, on a Redis and a MongoDB of its own. Prints medians and ranges, and writes
them to bench/RESULTS.md. All parts together take about an hour and a half.

  ingest      POST /event: requests per second and p99; Redis with appendfsync everysec and always
  batch       POST /events with 100 events each: events per second
  drain       200,000 queued events to MongoDB: documents per second
  end-to-end  ingestion and worker at the same time under full load: stored events per second
  memory      resident memory of ingestion and worker under full load
  stats       reports of a day of 1,000,000 events and of years of 10,000,000 and 20,000,000, live, rolled up and cached; the
              making of rollups, and the disk that events take. Needs 8 GB of memory and 15 GB of disk

  --rounds N   rounds of each part (ingest and stats 5, memory 1, others 3)
  --seconds N  seconds of load in each measurement (ingest, batch and stats 10, end-to-end 60, memory 300)
  --short      a look whether everything runs, a few seconds of each; writes no results`;

const LONG = {
  warmUpSeconds: 8,
  drainEvents: 200_000,
  reports: {
    dayEvents: 1_000_000,
    dayUsers: 100_000,
    yearEvents: 10_000_000,
    // A few of them are never drawn.
    yearUsers: 1_000_100,
    yearDays: 365,
  },
};
const SHORT = {
  rounds: 1,
  warmUpSeconds: 1,
  drainEvents: 10_000,
  reports: { dayEvents: 20_000, dayUsers: 2000, yearEvents: 50_000, yearUsers: 5000, yearDays: 40 },
};

const SETTINGS: Record<PartName, { long: PartSettings; short: PartSettings }> = {
  ingest: { long: { ...LONG, rounds: 5, seconds: 10 }, short: { ...SHORT, seconds: 2 } },
  batch: { long: { ...LONG, rounds: 3, seconds: 10 }, short: { ...SHORT, seconds: 2 } },
  drain: { long: { ...LONG, rounds: 3, seconds: 2 }, short: { ...SHORT, seconds: 1 } },
  'end-to-end': { long: { ...LONG, rounds: 3, seconds: 60 }, short: { ...SHORT, seconds: 8 } },
  memory: { long: { ...LONG, rounds: 1, seconds: 300 }, short: { ...SHORT, seconds: 15 } },
  stats: { long: { ...LONG, rounds: 5, seconds: 10 }, short: { ...SHORT, seconds: 2 } },
};

/**
 * Reads the command line; `undefined` if it asks for help.
 *
 * @throws Error in one sentence if it can't be understood.
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
      const settings = SETTINGS[part][values.short ? 'short' : 'long'];
      return { ...settings, rounds: rounds ?? settings.rounds, seconds: seconds ?? settings.seconds };
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
