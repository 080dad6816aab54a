import type { TestStack } from '@analytics/local-stack/testing/useTestStack';
import { startTcpProxy, type TcpProxy } from './tcpProxy.ts';

/** Where what passes between two processes can be stale. */
export interface Proxies {
  ingestionToRedis: TcpProxy;
  workerToRedis: TcpProxy;
  workerToMongo: TcpProxy;
}

export async function startProxies({ REDIS_PORT, MONGO_URI }: TestStack): Promise<Proxies> {
  const [ingestionToRedis, workerToRedis, workerToMongo] = await Promise.all([
    startTcpProxy(REDIS_PORT),
    startTcpProxy(REDIS_PORT),
    startTcpProxy(Number(new URL(MONGO_URI).port)),
  ]);
  return { ingestionToRedis, workerToRedis, workerToMongo };
}

/** The settings of a worker that reaches its servers through proxies. */
export function throughProxies(stack: TestStack, { workerToRedis, workerToMongo }: Proxies): TestStack {
  const mongoUri = new URL(stack.MONGO_URI);
  mongoUri.port = String(workerToMongo.port);
  return { ...stack, REDIS_PORT: workerToRedis.port, MONGO_URI: mongoUri.href };
}
