import { startOwnRedis } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { closeRedis, createRequestRedis, createWorkerRedis, pingRedis } from '@analytics/shared/redis';
import { expect, test } from 'vitest';

const stack = useTestStack();
const server = await startOwnRedis(['--requirepass', 'sesame']);
stack.register(() => server.remove());
const settings = { REDIS_HOST: '127.0.0.1', REDIS_PORT: server.port };

test.each([createRequestRedis, createWorkerRedis])(
  '%o uses the password, if there is one',
  async (create) => {
    const [open, closed] = [create({ ...settings, REDIS_PASSWORD: 'sesame' }), create(settings)];
    stack.register(() => Promise.all([closeRedis(open), closeRedis(closed)]));

    await pingRedis(open);
    await expect(pingRedis(closed)).rejects.toThrow(/NOAUTH/);
  },
);
