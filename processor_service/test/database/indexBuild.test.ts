import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { createMongoConnection } from '@analytics/shared/mongo/mongo';
import { createLogger } from '@analytics/shared/service/logger';
import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { connectDatabase } from '../../src/config/db.ts';
import { createEventModel } from '../../src/models/Event.model.ts';
import { createIndexedCollections } from './createIndexedCollections.ts';

const stack = useTestStack();
const connection = createMongoConnection();
stack.register(() => connection.close());
const Event = createEventModel(connection);
const { signal } = new AbortController();
await connectDatabase(connection, parseConfig({ MONGO_URI: stack.MONGO_URI }), signal);

test('an existing index with other options stays unchanged and does not stop the worker', async () => {
  const warnings: unknown[] = [];
  const logger = {
    ...createLogger({ name: 'x', level: 'silent', isPretty: false }),
    warn: (line: unknown) => warnings.push(line),
    info: () => {},
  };
  await Event.collection.createIndex({ timestamp: 1 }, { expireAfterSeconds: 86_400 * 365 * 50 });

  await createIndexedCollections(connection, [Event], {
    MONGO_URI: stack.MONGO_URI,
    logger: logger as never,
  });

  expect(warnings).toEqual([expect.stringMatching(/^an index is left as it is: /)]);
});
