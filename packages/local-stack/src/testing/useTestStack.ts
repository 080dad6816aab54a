import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, inject } from 'vitest';

/** The queue and the database that one test file uses on the shared test servers. */
export interface TestStack {
  REDIS_HOST: string;
  REDIS_PORT: number;
  QUEUE_NAME: string;
  QUEUE_PREFIX: string;
  /** Contains the name of a database that no other file uses. */
  MONGO_URI: string;
  /**
   * Registers how to close a resource. After the last test of the file, the last one registered is closed
   * first.
   */
  register(close: () => unknown): void;
}

const LEAK_DEADLINE_MS = 3000;

/**
 * Gives a test file its own queue and database. After its last test, the queue's keys are removed, and the
 * file fails if it left a connection open.
 */
export function useTestStack(): TestStack {
  const id = randomBytes(6).toString('hex');
  const closings: (() => unknown)[] = [];
  const stack: TestStack = {
    REDIS_HOST: '127.0.0.1',
    REDIS_PORT: inject('redisPort'),
    QUEUE_NAME: 'eventQueue',
    QUEUE_PREFIX: `test-${id}`,
    MONGO_URI: `mongodb://127.0.0.1:${inject('mongoPort')}/test-${id}`,
    register: (close) => {
      closings.push(close);
    },
  };
  afterAll(async () => {
    for (const close of closings.reverse()) {
      await close();
    }
    await removeKeys(stack);
    await expectNoOpenConnection();
  });
  return stack;
}

async function removeKeys({ REDIS_HOST, REDIS_PORT, QUEUE_PREFIX }: TestStack): Promise<void> {
  const redis = new Redis(REDIS_PORT, REDIS_HOST);
  const keys = await redis.keys(`${QUEUE_PREFIX}:*`);
  if (keys.length > 0) {
    await redis.del(keys);
  }
  await redis.quit();
}

async function expectNoOpenConnection(): Promise<void> {
  const deadline = Date.now() + LEAK_DEADLINE_MS;
  while (countOpenConnections() > 0) {
    if (Date.now() > deadline) {
      throw new Error(
        `This file left ${countOpenConnections()} connections or servers open. Close what it opens.`,
      );
    }
    await delay(20);
  }
}

function countOpenConnections(): number {
  return process.getActiveResourcesInfo().filter((name) => /^TCP/.test(name)).length;
}
