import { startOwnMongo } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { closeMongo, createMongoConnection } from '@analytics/shared/mongo/mongo';
import { afterEach, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { connectIndexBuilder } from '../../src/config/db.ts';
import { startIndexBuild } from '../../src/database/indexBuild.ts';

const shared = useTestStack();
const mongo = await startOwnMongo(['--setParameter', 'enableTestCommands=1']);
shared.register(() => mongo.remove());
const stack = { ...shared, MONGO_URI: `mongodb://127.0.0.1:${mongo.port}/analytics` };
const connection = createMongoConnection();
shared.register(() => closeMongo(connection));
await connection.openUri(stack.MONGO_URI);
const admin = connection.getClient().db('admin');

afterEach(async () => {
  await admin.command({ configureFailPoint: 'failCommand', mode: 'off' });
});

async function countFailures(): Promise<number> {
  const answer = await admin.command({ getParameter: 1, 'failpoint.failCommand': 1 });
  return answer['failpoint.failCommand'].timesEntered;
}

test('a failed build is repeated, logged once, and reported by /readyz', async () => {
  const log: string[] = [];
  const write = (line: unknown) => void log.push(String(line));
  await admin.command({
    configureFailPoint: 'failCommand',
    mode: 'alwaysOn',
    data: { failCommands: ['createIndexes'], errorCode: 14_031 },
  });
  const tried = await countFailures();
  const build = startIndexBuild({
    connect: (builder, signal) =>
      connectIndexBuilder(builder, parseConfig({ MONGO_URI: stack.MONGO_URI }), signal),
    collections: [{ name: 'events', indexes: [{ key: { path: 1 } }] }],
    mongoWatch: { isUp: true },
    logger: { warn: write, info: (_fields: unknown, line: unknown) => write(line) } as never,
  });
  shared.register(() => build.close());

  await waitUntil(async () => (await countFailures()) === tried + 2);
  expect(build.health.warnings).toEqual([
    expect.stringMatching(
      /^the indexes are not built yet \(.*failCommand.*\): until they are, reports are slow/,
    ),
  ]);
  await admin.command({ configureFailPoint: 'failCommand', mode: 'off' });
  await build.finished;

  expect([build.isDone, build.health]).toEqual([true, {}]);
  expect(log.filter((line) => !line.includes('building the indexes'))).toEqual([
    expect.stringMatching(/^cannot build the indexes: .*failCommand/),
    'the indexes can be built again',
    'the indexes are built',
  ]);
});

test('the connection of a build has no socket timeout, even if the URI sets one', async () => {
  const builder = createMongoConnection();
  shared.register(() => closeMongo(builder));
  const MONGO_URI = `${stack.MONGO_URI}?socketTimeoutMS=50`;

  await connectIndexBuilder(builder, parseConfig({ MONGO_URI }), new AbortController().signal);

  expect(builder.getClient().options.socketTimeoutMS).toBe(0);
});
