/** The memory of a Redis: used, and available to it. */
export interface RedisMemory {
  usedBytes: number;
  /** Its `maxmemory`, or half of its machine's memory if it has none. */
  maxBytes: number;
  hasMaxMemory: boolean;
}

/**
 * A Redis without `maxmemory` may use this share of its machine's memory. The other half is for other
 * programs, and for the copies of changed pages while Redis rewrites its append-only file
 * (https://redis.io/docs/latest/operate/oss_and_stack/management/optimization/memory-optimization/).
 */
const MACHINE_SHARE = 0.5;

/**
 * Parses the answer to `INFO memory`.
 *
 * @throws Error if the used or the available memory is missing.
 */
export function readRedisMemory(info: string): RedisMemory {
  const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? Number.NaN);
  const usedBytes = field('used_memory');
  const maxMemory = field('maxmemory');
  const hasMaxMemory = maxMemory > 0;
  const maxBytes = hasMaxMemory ? maxMemory : field('total_system_memory') * MACHINE_SHARE;
  if (Number.isNaN(usedBytes) || !(maxBytes > 0)) {
    throw new Error('INFO memory does not say used_memory, and maxmemory or total_system_memory.');
  }
  return { usedBytes, maxBytes, hasMaxMemory };
}
