import { identifyMongo } from '@analytics/local-stack/listeningServer';
import { startMongoServer } from '@analytics/local-stack/mongoServer';
import { FRUGAL_MONGO_ARGS } from '@analytics/local-stack/testServers';
import { expect, onTestFinished, test } from 'vitest';
import { findOwnMongo } from './ownProgram.ts';
import { makeTemporaryFolder } from './temporaryFolder.ts';

async function startOwnMongo(options: { port: number; dataFolder: string }) {
  const server = await startMongoServer({
    program: await findOwnMongo(),
    args: FRUGAL_MONGO_ARGS,
    ...options,
  });
  onTestFinished(() => server.kill());
  return server;
}

test('answers as soon as it is started, also with the same port and data after a SIGKILL', async () => {
  const dataFolder = await makeTemporaryFolder();
  const first = await startOwnMongo({ port: 0, dataFolder });
  expect(await identifyMongo(first.port)).toBe('mongodb');
  await first.kill();
  expect(await identifyMongo(first.port)).toBe('nothing');
  await startOwnMongo({ port: first.port, dataFolder });
  expect(await identifyMongo(first.port)).toBe('mongodb');
});

test("reports mongod's own error about data that another mongod uses", async () => {
  const dataFolder = await makeTemporaryFolder();
  await startOwnMongo({ port: 0, dataFolder });
  await expect(startOwnMongo({ port: 0, dataFolder })).rejects.toThrow(
    /^MongoDB ended while starting, exit code \d+: .*DBPathInUse/,
  );
});

test('reports that a given port is in use', async () => {
  const { port } = await startOwnMongo({ port: 0, dataFolder: await makeTemporaryFolder() });
  const dataFolder = await makeTemporaryFolder();
  await expect(startOwnMongo({ port, dataFolder })).rejects.toMatchObject({
    message: expect.stringMatching(/^MongoDB ended while starting, exit code 48: .*Address already in use/),
    isPortTaken: true,
  });
});
