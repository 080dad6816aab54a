import type { Redis } from 'ioredis';
import { z } from 'zod';
import { repeatEvery } from '../async/repeatEvery.ts';
import type { DependencyHealth } from '../http/health.ts';
import type { Logger } from '../service/logger.ts';
import { type Findings, inspectRedis } from './redisFindings.ts';

export const durabilitySettings = {
  REDIS_DURABILITY: z.enum(['warn', 'strict'], { error: 'must be warn or strict' }).default('warn'),
};

/** An operator can change each setting at run time, and the append-only file can fail at any time. */
const CHECK_INTERVAL_MS = 60_000;

/** The pause after a check without an answer. */
const RETRY_MS = 1000;

export interface RedisDurabilityOptions {
  redis: Redis;
  /** Whether a Redis that can lose what it acknowledged must not be used. */
  isStrict: boolean;
  /** Called if a strict service starts on such a Redis: the service must end. */
  onRefused: (error: Error) => void;
  logger: Pick<Logger, 'warn' | 'info' | 'debug'>;
  /** The pause between two checks, in milliseconds. */
  checkIntervalMs?: number;
}

export interface RedisDurability {
  /** Warns about this Redis in `/readyz`. */
  readonly health: Pick<DependencyHealth, 'warnings'>;
  /**
   * Part of the probe of a service: in strict mode, a Redis that can lose acknowledged events counts as down.
   * Checks first after a lost connection.
   *
   * @throws Error that says why, in strict mode only.
   */
  requireDurable(): Promise<void>;
  stop(): void;
}

/**
 * Checks whether Redis can lose acknowledged events: at each connection and once a minute. Logs the findings
 * when they change. A strict service does not start on such a Redis; later, it rejects events until the Redis
 * is fixed.
 */
export function watchRedisDurability(options: RedisDurabilityOptions): RedisDurability {
  const { redis, isStrict, onRefused, logger, checkIntervalMs = CHECK_INTERVAL_MS } = options;
  let findings: Findings | undefined;
  let loggedText = '';
  let isFirstCheck = true;

  async function check(): Promise<Findings> {
    findings = await inspectRedis(redis);
    const refusal = describeRefusal(findings);
    if (isStrict && isFirstCheck && refusal !== undefined) {
      onRefused(new Error(refusal));
    } else {
      log(findings);
    }
    isFirstCheck = false;
    return findings;
  }

  function log(found: Findings): void {
    const lines = describeFindings(found, isStrict);
    const text = lines.join('\n');
    if (text === loggedText) {
      return;
    }
    for (const line of lines) {
      logger.warn(line);
    }
    if (lines.length === 0) {
      logger.info('This Redis keeps accepted events now.');
    }
    loggedText = text;
  }

  const checking = repeatEvery(checkIntervalMs, async () => {
    try {
      await check();
      return undefined;
    } catch (error) {
      // The dependency watch logs that Redis is away.
      logger.debug({ err: error }, 'the durability of Redis was not checked');
      return RETRY_MS;
    }
  });
  const forget = () => {
    findings = undefined;
  };
  redis.on('close', forget);
  redis.on('ready', checking.runNow);

  return {
    get health() {
      const { risks = [], unknowns = [], notes = [] } = findings ?? {};
      const warnings = [...risks, ...unknowns, ...notes];
      return warnings.length > 0 ? { warnings } : {};
    },
    requireDurable: async () => {
      if (!isStrict) {
        return;
      }
      const refusal = describeRefusal(findings ?? (await check()));
      if (refusal !== undefined) {
        throw new Error(refusal);
      }
    },
    stop: () => {
      void checking.stop();
      redis.off('close', forget);
      redis.off('ready', checking.runNow);
    },
  };
}

/** The lines of the log. In strict mode, the dependency watch logs risks and unknowns. */
function describeFindings({ risks, unknowns, notes }: Findings, isStrict: boolean): string[] {
  const lines = notes.map((note) => `About this Redis: ${note}.`);
  if (unknowns.length > 0 && !isStrict) {
    lines.unshift(`It is unknown whether this Redis keeps accepted events: ${unknowns.join('; ')}.`);
  }
  if (risks.length > 0 && !isStrict) {
    lines.unshift(
      `This Redis can lose accepted events: ${risks.join('; ')}. REDIS_DURABILITY=strict would refuse to run on it.`,
    );
  }
  return lines;
}

function describeRefusal({ risks, unknowns }: Findings): string | undefined {
  const reasons = [
    ...(risks.length > 0 ? [`it can lose accepted events: ${risks.join('; ')}`] : []),
    ...(unknowns.length > 0 ? [`it cannot be checked: ${unknowns.join('; ')}`] : []),
  ];
  return reasons.length > 0
    ? `REDIS_DURABILITY=strict does not allow this Redis, because ${reasons.join(', and ')}.`
    : undefined;
}
