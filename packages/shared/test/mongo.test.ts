import { connectMongo, createMongoConnection } from '@analytics/shared/mongo';
import { expect, test } from 'vitest';

test('waiting for MongoDB is logged with its hosts, never with its credentials, and ends with the signal', async () => {
  const lines: unknown[] = [];
  const stopping = new AbortController();
  const logger = {
    warn: (line: unknown) => {
      lines.push(line);
      stopping.abort();
    },
    info: () => {},
  };

  const isConnected = await connectMongo(
    createMongoConnection(),
    'mongodb://someone:p%40ss@127.0.0.1:1,127.0.0.1:2/analytics?replicaSet=x',
    { signal: stopping.signal },
    logger as never,
  );

  expect(isConnected).toBe(false);
  expect(lines).toEqual([expect.stringMatching(/^MongoDB at 127\.0\.0\.1:1,127\.0\.0\.1:2 is away: /)]);
  expect(String(lines[0])).not.toMatch(/someone|p%40ss|p@ss/);
});
