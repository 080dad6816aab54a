import { describeRedis } from '@analytics/shared/redis/redis';
import { inspectRedis } from '@analytics/shared/redis/redisFindings';
import type { RedisProbe } from '@analytics/shared/redis/redisProbe';
import type { RedisSettings } from '@analytics/shared/redis/redisSettings';
import type { Redis } from 'ioredis';
import { checkClock } from './clock.ts';
import { type Check, failure, ok, warning } from './findings.ts';

const MIN_VERSION = [6, 2];
const CONFIGURE = 'Set it in redis.conf; docs/operations.md lists the settings.';

/** Whether Redis can be used at all. The other checks need that. */
export function checkRedisReachable(settings: RedisSettings, probe: RedisProbe): Check {
  const advice =
    'Start Redis, or correct REDIS_HOST and REDIS_PORT, or REDIS_URL. Without Redis, events get a 503.';
  return {
    subject: 'Redis',
    adviceOnError: advice,
    run: async () => {
      try {
        await probe();
        return [ok(`${describeRedis(settings)} accepts writes`)];
      } catch (error) {
        return [failure(`${describeRedis(settings)} can't be used: ${(error as Error).message}`, advice)];
      }
    },
  };
}

/** Checks of a Redis that can be used. */
export function listRedisChecks(redis: Redis, isStrict: boolean, maxMemoryPercent: number): Check[] {
  const info = once(() => redis.info());
  const adviceOnError = 'Grant the Redis user +info and +config|get.';
  return [
    { subject: 'Redis version', adviceOnError, run: async () => [checkVersion(await info())] },
    {
      subject: 'Redis durability',
      adviceOnError,
      run: async () => {
        const { risks, unknowns, notes } = await inspectRedis(redis);
        const risk = isStrict ? failure : warning;
        const found = [
          ...risks.map((text) => risk(text, CONFIGURE)),
          ...unknowns.map((text) => warning(text, adviceOnError)),
          ...notes.map((text) => warning(text, 'See the log of Redis.')),
        ];
        return found.length > 0 ? found : [ok('it keeps accepted events through a crash')];
      },
    },
    {
      subject: 'Redis memory',
      adviceOnError,
      run: async () => [checkMemory(await info(), maxMemoryPercent)],
    },
    {
      subject: 'Redis clock',
      run: async () => {
        const startedMs = Date.now();
        const [seconds = 0, microseconds = 0] = (await redis.time()).map(Number);
        return [checkClock(seconds * 1000 + microseconds / 1000, startedMs, Date.now())];
      },
    },
  ];
}

function checkVersion(info: string) {
  const text = readField(info, 'valkey_version') ?? readField(info, 'redis_version') ?? '';
  const [major = 0, minor = 0] = text.split('.').map(Number);
  const [minMajor = 0, minMinor = 0] = MIN_VERSION;
  return major > minMajor || (major === minMajor && minor >= minMinor)
    ? ok(text)
    : failure(`${text} is too old`, `Upgrade to Redis ${MIN_VERSION.join('.')} or newer, or Valkey.`);
}

function checkMemory(info: string, maxMemoryPercent: number) {
  const used = Number(readField(info, 'used_memory'));
  const max = Number(readField(info, 'maxmemory'));
  if (max === 0) {
    return warning(
      `${toMib(used)} used, and no maxmemory is set`,
      'Set maxmemory: without it, half of the memory of the machine counts as the limit.',
    );
  }
  const percent = Math.round((used / max) * 100);
  const text = `${toMib(used)} of ${toMib(max)} used (${percent} %)`;
  if (percent >= maxMemoryPercent) {
    return failure(
      `${text}; new events are refused from ${maxMemoryPercent} % on`,
      'Raise maxmemory, or start more workers.',
    );
  }
  return percent >= maxMemoryPercent * 0.9
    ? warning(text, `New events are refused from ${maxMemoryPercent} % on. Raise maxmemory.`)
    : ok(text);
}

function readField(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]?.trim();
}

function toMib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

function once<Value>(read: () => Promise<Value>): () => Promise<Value> {
  let value: Promise<Value> | undefined;
  return () => {
    value ??= read();
    return value;
  };
}
