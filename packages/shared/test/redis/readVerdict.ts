import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import type { RedisProbe } from '../../src/redis/redisProbe.ts';

/** What a probe says, once it says the same twice. */
export async function readVerdict({ probe }: { probe: RedisProbe }): Promise<string> {
  const verdicts: string[] = [];
  return waitUntil(
    async () => {
      verdicts.unshift(await probe().then(() => 'usable', String));
      return verdicts[0] as string;
    },
    (verdict) => verdict === verdicts[1],
  );
}
