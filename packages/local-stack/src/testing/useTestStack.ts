import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, inject } from 'vitest';

/** The part of the shared test servers that one test file has to itself. */
export interface TestStack {
  REDIS_HOST: string;
  REDIS_PORT: number;
  QUEUE_NAME: string;
  QUEUE_PREFIX: string;
  /** Names a database that no other file uses. */
  MONGO_URI: string;
  /**
   * Registers what closes a resource that the file opened. Last registered, first closed, after its last
   * test.
   */
  register(close: () => unknown): void;
}

const LEAK_DEADLINE_MS = 3000;

/**
 * Gives a test file a queue and a database of its own. After its last test the queue's keys are removed, and
 * a connection that the file left open fails it.
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
