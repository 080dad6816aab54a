import { appendFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { findAppendOnlyFile } from './harness/redisLog.ts';
import { runFault } from './harness/runFault.ts';

/**
 * What a power cut leaves of a job that was being written: the transaction is open, the job's data is there,
 * and its place in the queue is cut off in the middle. No client had an answer for it. (Cutting off bytes
 * that Redis had acknowledged would take away what no system can bring back; they are left as they are.)
 */
const TORN_WRITE = [
  ['MULTI'],
  ['HSET', 'bull:eventQueue:torn', 'name', 'ingest-event', 'data', '{"site_id":"torn"}'],
  ['LPUSH', 'bull:eventQueue:wait', 'torn'],
]
  .map(writeCommand)
  .join('')
  .slice(0, -10);

function writeCommand(parts: string[]): string {
  return `*${parts.length}\r\n${parts.map((part) => `$${part.length}\r\n${part}\r\n`).join('')}`;
}

test('a truncated last write in the append-only file loses no acknowledged event', (context) =>
  runFault(context, {
    name: 'Redis killed, torn tail of the AOF',
    system: { redisArgs: ['--aof-load-truncated', 'yes'] },
    rules: { mayRefuse: true, mayCut: false },
    run: async ({ system, load }) => {
      const file = await findAppendOnlyFile(system.redisClient);
      await system.redis.kill();
      await appendFile(file, TORN_WRITE);
      await system.redis.restart();
      expect(await system.redisClient.exists('bull:eventQueue:torn')).toBe(0);

      // What was written since, behind what was left of the torn write, must hold as well.
      await load.untilAcknowledged(200);
      await system.redis.kill();
      await system.redis.restart();
    },
  }));
