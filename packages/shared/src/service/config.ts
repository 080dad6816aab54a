import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { readEnvFile } from './envFile.ts';
import { splitServiceLinks } from './serviceLinks.ts';

/** Settings by name. An empty string counts as not set. */
export type Environment = Readonly<Record<string, string>>;

/** The settings of a process are invalid; `message` lists each invalid setting with its allowed values. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

export interface EnvironmentSources {
  /** The process's own environment, which wins over both files. */
  processEnv: NodeJS.ProcessEnv;
  /** A folder inside the service; its nearest `package.json` above marks the service's own folder. */
  within: string;
  /**
   * The prefix of the settings that replace those of SHARED_NAMES where several services share their
   * settings: with `INGESTION`, `INGESTION_PORT` replaces `PORT`.
   */
  aliasPrefix?: string;
}

/** The settings that must differ where several services share their settings. */
const SHARED_NAMES = ['PORT', 'OPERATIONS_PORT'];

/** The settings of a process, with warnings about how they were read. */
export interface EnvironmentReading {
  environment: Environment;
  /** One sentence each, without any value. */
  warnings: string[];
}

/**
 * Merges the environment, the service's `.env` and the root `.env`, in this order of precedence. Within one
 * source, the alias (`INGESTION_PORT`) wins over `PORT`, and `REDIS_URL` over `REDIS_HOST` and `REDIS_PORT`.
 * The variables that Kubernetes sets have the lowest precedence.
 *
 * @throws SettingsError if the root `.env` sets `PORT` or `OPERATIONS_PORT`, which would send every service
 *   to the same port.
 */
export function readEnvironment({ processEnv, within, aliasPrefix }: EnvironmentSources): EnvironmentReading {
  const serviceFolder = findPackageFolder(within);
  const rootFolder = serviceFolder && findPackageFolder(dirname(serviceFolder));
  const files = [rootFolder, serviceFolder].map((folder) => readEnvFile(folder && join(folder, '.env')));
  const shared = SHARED_NAMES.find((name) => files[0]?.values[name]);
  if (shared !== undefined) {
    throw new SettingsError(
      `${shared} in ${join(rootFolder ?? '', '.env')} would give every service the same port. Set INGESTION_${shared}, PROCESSOR_${shared} and REPORTING_${shared} there.`,
    );
  }
  const split = [...files.map(({ values }) => values), processEnv].map((source) =>
    splitServiceLinks(withoutEmpty(source)),
  );
  const sources = [...split.map(({ links }) => links), ...split.map(({ values }) => values)];
  const environment = sources
    .map((source) => replaceByAliases(source, aliasPrefix))
    .reduce((merged, source) => ({ ...withoutOtherRedis(merged, source), ...source }));
  return {
    environment,
    warnings: [...files, ...split].flatMap(({ warnings }) => warnings).concat(findIgnored(environment)),
  };
}

/**
 * Reads and parses the settings. An error about them ends with the warnings, which may name the cause.
 *
 * @throws SettingsError
 */
export function readConfig<Config>(
  parse: (environment: Environment) => Config,
  sources: EnvironmentSources,
): { config: Config; warnings: string[] } {
  const { environment, warnings } = readEnvironment(sources);
  try {
    return { config: parse(environment), warnings };
  } catch (error) {
    if (error instanceof SettingsError) {
      throw new SettingsError([error.message, ...warnings].join('\n'));
    }
    throw error;
  }
}

/** Reads the version in the nearest `package.json` above a folder; without one, `unknown`. */
export function readVersion(within: string): string {
  const folder = findPackageFolder(within);
  const { version = 'unknown' } = (
    folder === undefined ? {} : JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  ) as { version?: string };
  return version;
}

/**
 * Turns settings into a typed configuration.
 *
 * @throws SettingsError naming every setting that is missing or wrong, not only the first.
 */
export function parseSettings<Schema extends z.ZodType>(
  schema: Schema,
  environment: Environment,
): z.output<Schema> {
  const result = schema.safeParse(environment);
  if (result.success) {
    return result.data;
  }
  const lines = result.error.issues.map((issue) => `  ${issue.path.join('.')} ${issue.message}`);
  throw new SettingsError(`These settings can't be used:\n${lines.join('\n')}\nSee .env.example.`);
}

/** An integer setting. */
export function wholeNumberSetting(range: { min: number; max: number; default: number; note?: string }) {
  const message = `must be a whole number from ${range.min} to ${range.max}${range.note ?? ''}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, { error: message, abort: true })
    .transform(Number)
    .pipe(z.number().min(range.min, message).max(range.max, message))
    .default(range.default);
}

/** A TCP port. 0 means any free port. `alias` is the setting that may replace it. */
export function portSetting(defaultPort: number, alias?: string) {
  const note = alias === undefined ? '' : ` (${alias} sets it, too)`;
  return wholeNumberSetting({ min: 0, max: 65_535, default: defaultPort, note });
}

/**
 * The addresses and the shutdown of a service. Without `HOST`, it listens on every interface. With
 * `aliasPrefix` begin the settings that may replace the ports.
 */
export function serverSettings(defaultPort: number, aliasPrefix: string) {
  return {
    PORT: portSetting(defaultPort, `${aliasPrefix}_PORT`),
    OPERATIONS_PORT: portSetting(0, `${aliasPrefix}_OPERATIONS_PORT`),
    HOST: z.string().optional(),
    SHUTDOWN_DRAIN_SECONDS: wholeNumberSetting({ min: 0, max: 3600, default: 0 }),
  };
}

export const logLevelSetting = z
  .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
    error: 'must be one of trace, debug, info, warn, error, fatal, silent',
  })
  .default('info');

/** Which queue carries the events. The producer and the consumer must agree. */
export const queueSettings = {
  QUEUE_NAME: z
    .string()
    .regex(/^[^:]+$/, 'must not contain a colon, which BullMQ uses inside its keys')
    .default('eventQueue'),
  QUEUE_PREFIX: z.string().default('bull'),
};

/** The address of MongoDB. A URI without a database name means the database `analytics`. */
export const mongoSettings = {
  MONGO_URI: z
    .string()
    .regex(/^mongodb(\+srv)?:\/\/.+/, 'must begin with mongodb:// or mongodb+srv://')
    .default('mongodb://127.0.0.1:27017/analytics'),
};

function findPackageFolder(from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) {
      return folder;
    }
    if (folder === dirname(folder)) {
      return undefined;
    }
  }
}

function withoutEmpty(source: NodeJS.ProcessEnv): Record<string, string> {
  const filled = Object.entries(source).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return Object.fromEntries(filled);
}

function replaceByAliases(
  source: Record<string, string>,
  prefix: string | undefined,
): Record<string, string> {
  const replaced = { ...source };
  for (const name of SHARED_NAMES) {
    const value = source[`${prefix}_${name}`];
    if (value) {
      replaced[name] = value;
    }
  }
  return replaced;
}

/** Removes the settings of Redis that the next source overrides by another kind of address. */
function withoutOtherRedis(
  merged: Record<string, string>,
  next: Record<string, string>,
): Record<string, string> {
  const { REDIS_URL, REDIS_HOST, REDIS_PORT, ...others } = merged;
  if (next['REDIS_URL']) {
    return others;
  }
  return next['REDIS_HOST'] || next['REDIS_PORT']
    ? { ...others, ...(REDIS_HOST && { REDIS_HOST }), ...(REDIS_PORT && { REDIS_PORT }) }
    : merged;
}

function findIgnored(environment: Environment): string[] {
  const ignored = ['REDIS_HOST', 'REDIS_PORT'].filter(
    (name) => environment['REDIS_URL'] && environment[name],
  );
  return ignored.length > 0
    ? [`REDIS_URL is set, so ${ignored.join(' and ')} ${ignored.length > 1 ? 'have' : 'has'} no effect.`]
    : [];
}
