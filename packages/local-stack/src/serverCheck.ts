import { retryUntilDone } from '@analytics/shared/async/retryUntilDone';
import { withTimeout } from '@analytics/shared/async/withTimeout';
import {
  closeMongo,
  connectMongo,
  createMongoConnection,
  createMongoProbe,
  requireMongoUri,
} from '@analytics/shared/mongo/mongo';
import { closeRedis, createRequestRedis } from '@analytics/shared/redis/redis';
import { createRedisProbe } from '@analytics/shared/redis/redisProbe';
import { redisSettings } from '@analytics/shared/redis/redisSettings';
import { type Environment, parseSettings, queueSettings } from '@analytics/shared/service/config';
import { z } from 'zod';

/** The time in which a server that this process did not start must become usable (ms). */
export const CHECK_TIMEOUT_MS = 5000;

export interface CheckOptions {
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

/**
 * A Redis that answers with LOADING is loading its data, which may take minutes. The services wait for it.
 */
const LOADING = /^LOADING /;

/**
 * Checks the Redis of the settings by the same probe as the services.
 *
 * @throws Error with the reason and what to do, without a password.
 */
export async function requireUsableRedis(settings: Environment, options: CheckOptions): Promise<void> {
  const config = parseSettings(z.object({ ...redisSettings, ...queueSettings }), settings);
  const redis = createRequestRedis(config);
  const probe = createRedisProbe(redis, `${config.QUEUE_PREFIX}:${config.QUEUE_NAME}`);
  try {
    await tryInTime(probe, options);
  } catch (error) {
    if (!LOADING.test((error as Error).message)) {
      throw error;
    }
  } finally {
    await closeRedis(redis);
  }
}

/**
 * Checks a MongoDB by connecting to it as the services do.
 *
 * @throws Error with the reason and what to do, without a password.
 */
export async function requireUsableMongo(uri: string, options: CheckOptions): Promise<void> {
  requireMongoUri(uri);
  const connection = createMongoConnection();
  const probe = createMongoProbe(connection, uri);
  const stopping = new AbortController();
  let failure: unknown;
  const connecting = connectMongo(connection, uri, stopping.signal, {}).catch((error) => {
    failure = error;
  });
  try {
    await Promise.race([connecting, tryInTime(() => probe.ping(), options)]);
    if (failure) {
      throw failure;
    }
  } finally {
    stopping.abort();
    await probe.close();
    await closeMongo(connection);
  }
}

/** The error for a server that failed its check. `otherwise` is a sentence: what else the user can do. */
export function createUnusableError(server: string, error: unknown, otherwise: string): Error {
  // An AggregateError of refused connections has an empty message of its own.
  const [first] = error instanceof AggregateError ? error.errors : [];
  const reason = (error as Error).message || String(first?.message ?? error);
  const end = reason.endsWith('.') ? '' : '.';
  return new Error(`${server} cannot be used: ${reason}${end} ${otherwise}`, { cause: error });
}

/** Retries a failing operation until its time is over or the server itself returns an error. */
async function tryInTime(
  operation: () => Promise<void>,
  { timeoutMs, signal: ending }: CheckOptions,
): Promise<void> {
  const timeout = AbortSignal.timeout(timeoutMs);
  await retryUntilDone(() => withTimeout(operation(), timeoutMs), {
    isTransient: (error) => !isRefusal(error),
    onFailure: () => {},
    signal: ending ? AbortSignal.any([ending, timeout]) : timeout,
    maxDelayMs: 200,
  });
}

/**
 * Whether Redis or MongoDB itself returned the error. An explained error has the original one as its cause.
 */
function isRefusal(error: unknown): boolean {
  const { name, cause } = error as Error;
  return [name, (cause as Error | undefined)?.name].some(
    (each) => each === 'ReplyError' || each === 'MongoServerError',
  );
}
