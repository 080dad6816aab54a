import { expect, test } from 'vitest';
import { readFindings } from '../../src/redis/redisFindings.ts';

/** The lines of INFO that matter, of a Redis that loses nothing. */
const DURABLE = {
  redis_mode: 'standalone',
  role: 'master',
  maxmemory_policy: 'noeviction',
  aof_enabled: '1',
  aof_last_bgrewrite_status: 'ok',
  aof_last_write_status: 'ok',
};

// What a test can't do to any server at will; the rest is tested with real ones (redisDurability.test.ts).
const rows: [name: string, info: Partial<typeof DURABLE>, findings: object][] = [
  ['a durable Redis', {}, {}],
  [
    'a failed write of the append-only file',
    { aof_last_write_status: 'err' },
    { risks: ['its last write to the append-only file failed; see its log, and the room on its disk'] },
  ],
  [
    'a failed rewrite of the append-only file',
    { aof_last_bgrewrite_status: 'err' },
    { notes: ['its last rewrite of the append-only file failed, so that the file keeps growing'] },
  ],
  ['a Sentinel', { redis_mode: 'sentinel', aof_enabled: undefined, maxmemory_policy: undefined }, {}],
  [
    'a managed server that tells less',
    { aof_enabled: undefined },
    { unknowns: ['its INFO does not say whether there is an append-only file and no eviction'] },
  ],
] as never;

test.each(rows)('%s', (_name, change, expected) => {
  const fields = Object.entries({ ...DURABLE, ...change }).filter(([, value]) => value !== undefined);
  const info = fields.map(([name, value]) => `${name}:${value}\r\n`).join('');

  expect(readFindings(`# Server\r\n${info}`, 'always')).toEqual({
    risks: [],
    unknowns: [],
    notes: [],
    ...expected,
  });
});
