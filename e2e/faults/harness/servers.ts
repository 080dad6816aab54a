import { type OwnReplicaSet, startOwnReplicaSet } from '@analytics/local-stack/testing/ownReplicaSet';
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
  /** One, or the members of the replica set. */
  mongods: readonly OwnServer[];
  replicaSet: OwnReplicaSet | undefined;
  /** The settings by which a service finds them. */
  stack: TestStack;
  view: View;
  /** Ends both, however they are, and removes their data. */
  remove(): Promise<void>;
}

/** A read from a primary that hangs fails after this time, and is tried again on the next primary. */
const READ_TIMEOUT_MS = 3000;

/** Starts an empty Redis with `appendfsync always`, and an empty MongoDB or a replica set of three. */
export async function startServers(redisArgs: string[], isReplicated: boolean): Promise<Servers> {
  const [redis, replicaSet] = await Promise.all([
    startOwnRedis(redisArgs),
    isReplicated ? startOwnReplicaSet() : undefined,
  ]);
  const mongods = replicaSet?.members ?? [await startOwnMongo()];
  const MONGO_URI = replicaSet?.toUri(DATABASE) ?? `mongodb://127.0.0.1:${mongods[0]?.port}/${DATABASE}`;
  const stack: TestStack = {
    REDIS_HOST: '127.0.0.1',
    REDIS_PORT: redis.port,
    QUEUE_NAME,
    QUEUE_PREFIX,
    MONGO_URI,
    register: () => {},
  };
  const redisClient = new Redis(redis.port, '127.0.0.1', {
    maxRetriesPerRequest: null,
    retryStrategy: () => 100,
  });
  // That Redis is away is what some of the faults are about.
  redisClient.on('error', () => {});
  const queue = openEventQueue(redisClient, { queueName: QUEUE_NAME, queuePrefix: QUEUE_PREFIX });
  const mongoClient = new mongo.MongoClient(stack.MONGO_URI, { socketTimeoutMS: READ_TIMEOUT_MS });
  return {
    redis,
    mongods,
    replicaSet,
    stack,
    view: { redisClient, queue, database: mongoClient.db() },
    remove: async () => {
      redisClient.disconnect();
      await Promise.all([redis, ...mongods].map((server) => server.remove()));
      await mongoClient.close();
    },
  };
}
