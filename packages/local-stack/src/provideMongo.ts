import { join } from 'node:path';
import { requireFreeDisk, SERVER_DISK_BYTES } from './diskSpace.ts';
import { identifyMongo } from './listeningServer.ts';
import { findMongoProgram } from './mongoProgram.ts';
import { startMongoServer } from './mongoServer.ts';
import { createUnusableError, requireUsableMongo } from './serverCheck.ts';
import type { StackContext, StackServer } from './stack.ts';
import { explainStartFailure } from './startFailure.ts';

/** @throws Error with the reason and what to do. */
export async function provideMongo(context: StackContext): Promise<StackServer> {
  const { settings, mongoPort: port } = context;
  if (settings['MONGO_URI']) {
    const named = describeNamedMongo(settings['MONGO_URI']);
    await requireUsable(
      named,
      context,
      'Check MONGO_URI, or remove it: then npm start has a MongoDB of its own.',
    );
    return named;
  }
  const address = `127.0.0.1:${port}`;
  const connection = { MONGO_URI: `mongodb://${address}/analytics` };
  const listener = await identifyMongo(port);
  if (listener === 'mongodb') {
    const running: StackServer = { source: 'running', address, connection };
    await requireUsable(running, context, 'Or stop it: then npm start has a MongoDB of its own.');
    return running;
  }
  if (listener === 'tls') {
    throw new Error(
      `The server on ${address} speaks TLS: set MONGO_URI=mongodb://${address}/analytics?tls=true in .env if it is a MongoDB, or stop it.`,
    );
  }
  if (listener === 'other') {
    throw new Error(
      `What listens on ${address} does not answer as a MongoDB: stop it, or set MONGO_URI in .env to a MongoDB that you have.`,
    );
  }
  return startMongo(context, address, connection);
}

/** Describes the MongoDB of a URI. */
export function describeNamedMongo(uri: string): StackServer {
  // Everything up to the last @ before the path is the user's name and password.
  const address = uri.replace(/^[^:]*:\/\/([^/]*@)?/, '').replace(/[/?].*$/, '');
  return { source: 'settings', address, connection: { MONGO_URI: uri } };
}

async function startMongo(
  { dataFolder: parent, logFolder, mongoPort: port, search, progress, signal }: StackContext,
  address: string,
  connection: StackServer['connection'],
): Promise<StackServer> {
  await requireFreeDisk(parent, SERVER_DISK_BYTES);
  const dataFolder = join(parent, 'mongodb');
  const logFile = join(logFolder, 'mongodb.log');
  const program = await findMongoProgram(search);
  progress.show('Starting MongoDB');
  try {
    const server = await startMongoServer({ program, port, dataFolder, logFile, signal });
    return { source: 'started', address, dataFolder, server, connection };
  } catch (error) {
    throw explainStartFailure(error, { name: 'MongoDB', port, dataFolder, logFile });
  } finally {
    progress.clear();
  }
}

async function requireUsable(
  { address, connection }: StackServer,
  { checkTimeoutMs: timeoutMs, signal }: StackContext,
  otherwise: string,
): Promise<void> {
  try {
    await requireUsableMongo(connection['MONGO_URI'] ?? '', { timeoutMs, signal });
  } catch (error) {
    throw createUnusableError(`The MongoDB on ${address}`, error, otherwise);
  }
}
