import type { Worker } from 'bullmq';
import type { Redis } from 'ioredis';

/** Adds up the data lengths of the next jobs. BullMQ takes from the end of `wait` first. */
const MEASURE_NEXT_JOBS = `
  local count = tonumber(ARGV[1])
  local ids = redis.call('LRANGE', KEYS[1], -count, -1)
  if #ids < count then
    for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, count - #ids - 1)) do
      ids[#ids + 1] = id
    end
  end
  local bytes = 0
  for _, id in ipairs(ids) do
    bytes = bytes + redis.call('HSTRLEN', ARGV[2] .. id, 'data')
  end
  return bytes`;

/** The bytes of data of the next `count` jobs of a queue. */
export async function measureNextJobs(
  redis: Redis,
  queue: Pick<Worker, 'toKey'>,
  count: number,
): Promise<number> {
  const keys = [queue.toKey('wait'), queue.toKey('prioritized')];
  return Number(await redis.eval(MEASURE_NEXT_JOBS, keys.length, ...keys, count, queue.toKey('')));
}
