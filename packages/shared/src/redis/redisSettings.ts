import { z } from 'zod';
import { wholeNumberSetting } from '../service/config.ts';

/** The address and the user of a Redis, parsed from a `redis://` or `rediss://` URL. */
export interface RedisUrl {
  host: string;
  port: number;
  username?: string;
  password?: string;
  /** The number of the database. */
  db: number;
  isTls: boolean;
}

const DEFAULT_PORT = 6379;
const URL_FORM = 'must be redis[s]://[user:password@]host[:port][/database]';

/**
 * The address of Redis. `REDIS_URL` wins over `REDIS_HOST` and `REDIS_PORT`; only it has a user, a database
 * and TLS.
 */
export const redisSettings = {
  REDIS_HOST: z.string().default('127.0.0.1'),
  REDIS_PORT: wholeNumberSetting({ min: 1, max: 65_535, default: DEFAULT_PORT }),
  REDIS_PASSWORD: z.string().optional(),
  REDIS_URL: z
    .string()
    .transform((text, context) => {
      try {
        return parseRedisUrl(text);
      } catch (error) {
        context.addIssue({ code: 'custom', message: (error as Error).message });
        return z.NEVER;
      }
    })
    .optional(),
};

/** The settings of `redisSettings`, parsed. */
export type RedisSettings = z.output<z.ZodObject<typeof redisSettings>>;

/** The address that the settings name. `REDIS_PASSWORD` applies if the URL has no password. */
export function findRedisAddress(settings: RedisSettings): RedisUrl {
  const { REDIS_HOST: host, REDIS_PORT: port, REDIS_PASSWORD: password, REDIS_URL: url } = settings;
  const address = url ?? { host, port, db: 0, isTls: false };
  return password === undefined ? address : { password, ...address };
}

/**
 * Parses a URL in the form of managed Redis servers. Percent-decodes the user and the password.
 *
 * @throws Error whose message completes a sentence that begins with the setting's name; it holds no part of
 *   the URL.
 */
export function parseRedisUrl(text: string): RedisUrl {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url?.hostname || !['redis:', 'rediss:'].includes(url.protocol)) {
    throw new Error(URL_FORM);
  }
  if (url.search || url.hash) {
    throw new Error(`${URL_FORM}, without ? and #; write them as %3F and %23 in a password`);
  }
  const db = /^(?:\/(\d{1,5})?)?$/.exec(url.pathname);
  if (db === null) {
    throw new Error(`${URL_FORM}, and a database is a number`);
  }
  const { username, password } = decodeUser(url);
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(url.port || DEFAULT_PORT),
    ...(username && { username }),
    ...(password && { password }),
    db: Number(db[1] ?? 0),
    isTls: url.protocol === 'rediss:',
  };
}

function decodeUser({ username, password }: URL): { username: string; password: string } {
  try {
    return { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch {
    throw new Error(`${URL_FORM}, with % in a user or password written as %25`);
  }
}
