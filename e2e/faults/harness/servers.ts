import { type OwnServer, startOwnMongo, startOwnRedis } from '@analytics/local-stack/testing/ownServers';
import type { TestStack } from '@analytics/local-stack/testing/useTestStack';
import { openEventQueue } from '@analytics/shared/event/eventQueue';
import type { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { mongo } from 'mongoose';

const QUEUE_NAME = 'eventQueue';
const QUEUE_PREFIX = 'bull';
const DATABASE = 'faults';

/** The harness's own look at the servers, past any proxy. It waits while one is away. */
export interface View {
  redisClient: Redis;
  queue: Queue;
  database: mongo.Db;
}

export interface Servers {
  redis: OwnServer;
  mongo: OwnServer;
  /** The settings by which a service finds them. */
  stack: TestStack;
  view: View;
  /** Ends both, however they are, and removes their data. */
  remove(): Promise<void>;
}

/** Starts an empty Redis with `appendfsync always` and an empty MongoDB. */
export async function startServers(redisArgs: string[]): Promise<Servers> {
  const [redis, mongod] = await Promise.all([startOwnRedis(redisArgs), startOwnMongo()]);
  const stack: TestStack = {
    REDIS_HOST: '127.0.0.1',
    REDIS_PORT: redis.port,
    QUEUE_NAME,
    QUEUE_PREFIX,
    MONGO_URI: `mongodb://127.0.0.1:${mongod.port}/${DATABASE}`,
    register: () => {},
  };
  const redisClient = new Redis(redis.port, '127.0.0.1', {
    maxRetriesPerRequest: null,
    retryStrategy: () => 100,
  });
  // That Redis is away is what some of the faults are about.
  redisClient.on('error', () => {});
  const queue = openEventQueue(redisClient, { queueName: QUEUE_NAME, queuePrefix: QUEUE_PREFIX });
  const mongoClient = new mongo.MongoClient(stack.MONGO_URI);
  return {
    redis,
    mongo: mongod,
    stack,
    view: { redisClient, queue, database: mongoClient.db() },
    remove: async () => {
      redisClient.disconnect();
      await Promise.all([redis.remove(), mongod.remove()]);
      await mongoClient.close();
    },
  };
}
