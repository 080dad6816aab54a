import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Logger } from './logger.ts';

export const durabilitySettings = {
  REDIS_DURABILITY: z.enum(['warn', 'strict'], { error: 'must be warn or strict' }).default('warn'),
};

export interface RedisDurability {
  /** What makes this Redis forget, as `/readyz` says it; empty if nothing does, undefined while Redis was not asked yet. */
  readonly risks: string[] | undefined;
}

/**
 * Asks each Redis that the connection reaches whether it would forget what it acknowledged, and warns if so.
 *
 * @param onVolatile What a strict service does about it.
 */
export function watchRedisDurability(
  redis: Redis,
  logger: Logger,
  onVolatile?: (error: Error) => void,
): RedisDurability {
  let risks: string[] | undefined;

  async function check(): Promise<void> {
    risks = findRisks(await redis.info());
    if (risks.length === 0) {
      return;
    }
    const sentence = `This Redis can lose accepted events: ${risks.join('; ')}.`;
    if (onVolatile) {
      onVolatile(new Error(`${sentence} REDIS_DURABILITY=strict does not allow it.`));
    } else {
      logger.warn(`${sentence} REDIS_DURABILITY=strict would refuse to run on it.`);
    }
  }

  // A connection that breaks in between becomes ready again, and is asked again.
  const ask = () =>
    void check().catch((error: Error) => logger.debug({ err: error }, 'Redis could not be asked'));
  redis.on('ready', ask);
  if (redis.status === 'ready') {
    ask();
  }
  return {
    get risks() {
      return risks;
    },
  };
}

/** What `/readyz` says of the risks, beside whether Redis is up. */
export function describeRisks({ risks = [] }: RedisDurability): { warnings?: string[] } {
  return risks.length > 0 ? { warnings: risks } : {};
}

function findRisks(info: string): string[] {
  const field = (name: string) => new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]?.trim();
  const policy = field('maxmemory_policy');
  const risks: string[] = [];
  if (policy !== undefined && policy !== 'noeviction') {
    risks.push(`its maxmemory-policy is ${policy} and should be noeviction`);
  }
  if (field('aof_enabled') === '0') {
    risks.push('its append-only file is off and should be on (appendonly yes)');
  }
  return risks;
}
