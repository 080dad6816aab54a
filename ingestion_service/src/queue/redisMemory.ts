/** How full a Redis is, and how full it may become. */
export interface RedisMemory {
  usedBytes: number;
  /** Its `maxmemory`; without one, half of its machine's memory. */
  maxBytes: number;
  hasMaxMemory: boolean;
}

/**
 * A Redis without `maxmemory` may take this share of its machine's memory. The other half is for programs
 * beside it and for the copy that Redis makes of changed pages while it rewrites its append-only file
 * (https://redis.io/docs/latest/operate/oss_and_stack/management/optimization/memory-optimization/).
 */
const MACHINE_SHARE = 0.5;

/**
 * Reads the answer to `INFO memory`.
 *
 * @throws Error if it does not tell how full Redis is, or of how much.
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
