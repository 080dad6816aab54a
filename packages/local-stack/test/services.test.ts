import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { findFreePort } from '@analytics/local-stack/freePort';
import {
  readServicePorts,
  requireFreeServicePorts,
  type ServicePorts,
  startServices,
} from '@analytics/local-stack/services';
import type { Stack } from '@analytics/local-stack/stack';
import { createProgress } from '@analytics/local-stack/terminal';
import { expect, onTestFinished, test, vi } from 'vitest';
import { makeTemporaryFolder } from './temporaryFolder.ts';

const ECHO = (setting: string) => `
  const http = require('node:http');
  const { ${setting}: port, HOST, PORT, SHUTDOWN_DRAIN_SECONDS, REDIS_HOST, MONGO_URI } = process.env;
  console.log(JSON.stringify({ level: 30, msg: 'starting', flags: process.execArgv, HOST, PORT, SHUTDOWN_DRAIN_SECONDS, REDIS_HOST, MONGO_URI }));
  console.log(JSON.stringify({ level: 40, msg: 'a warning of all' }));
  let asked = 0;
  http.createServer((request, response) => {
    asked += 1;
    response.writeHead(request.url === '/readyz' && asked > 2 ? 200 : 503).end();
  }).listen(port, HOST, () => process.send({ listeningOn: Number(port) }));`;

/** A repository whose services are small servers that are ready when they are asked for the third time. */
async function createRepository(overrides: Record<string, string> = {}) {
  const rootFolder = await makeTemporaryFolder();
  const scripts = {
    'reporting_service/dist/server.js': ECHO('REPORTING_PORT'),
    'processor_service/dist/worker.js': ECHO('PROCESSOR_PORT'),
    'ingestion_service/dist/server.js': ECHO('INGESTION_PORT'),
    ...overrides,
  };
  for (const [path, code] of Object.entries(scripts)) {
    await mkdir(dirname(join(rootFolder, path)), { recursive: true });
    await writeFile(join(rootFolder, path), code);
  }
  for (const folder of ['reporting_service', 'processor_service', 'ingestion_service']) {
    const program = folder === 'processor_service' ? 'worker' : 'server';
    const start = `node --always-sparkplug --stack-size=900 dist/${program}.js`;
    await writeFile(join(rootFolder, folder, 'package.json'), JSON.stringify({ scripts: { start } }));
  }
  const ports: ServicePorts = {
    REPORTING_PORT: await findFreePort(),
    PROCESSOR_PORT: await findFreePort(),
    INGESTION_PORT: await findFreePort(),
  };
  const stack: Stack = {
    redis: { source: 'settings', address: 'r', connection: { REDIS_HOST: 'redis.example' } },
    mongo: { source: 'settings', address: 'm', connection: { MONGO_URI: 'mongodb://mongo.example' } },
    servers: [],
    logFolder: join(rootFolder, 'logs'),
    stop: async () => {},
  };
  const progress = createProgress();
  return { rootFolder, ports, host: '127.0.0.1', stack, progress, signal: new AbortController().signal };
}

test('starts each service with the flags of its start script, its address and its connections, and waits until all are ready', async () => {
  const repository = await createRepository();
  const complaints = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  onTestFinished(() => complaints.mockRestore());
  const services = await startServices(repository);
  onTestFinished(async () => {
    await Promise.all(services.map((service) => service.stop()));
  });
  expect(services.map(({ name }) => name)).toEqual([
    'reporting_service',
    'processor_service',
    'ingestion_service',
  ]);
  expect(complaints.mock.calls.filter(([text]) => String(text).includes('a warning of all'))).toHaveLength(1);
  for (const { name, port } of services) {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`);
    expect(response.status).toBe(200);
    await response.body?.cancel();
    const log = await readFile(join(repository.stack.logFolder, `${name}.log`), 'utf8');
    expect(JSON.parse(log.split('\n')[0] ?? '')).toEqual({
      level: 30,
      msg: 'starting',
      flags: ['--always-sparkplug', '--stack-size=900'],
      HOST: '127.0.0.1',
      SHUTDOWN_DRAIN_SECONDS: '0',
      REDIS_HOST: 'redis.example',
      MONGO_URI: 'mongodb://mongo.example',
    });
  }
});

test('does not accept the answer of another program on the port of a service, and names the port', async () => {
  const repository = await createRepository();
  const other = createServer((_request, response) => response.end()).listen(
    repository.ports.INGESTION_PORT,
    '127.0.0.1',
  );
  await once(other, 'listening');
  onTestFinished(() => void other.close());
  await expect(startServices(repository)).rejects.toThrow(
    `Port ${repository.ports.INGESTION_PORT} is in use by another program: stop that, or set INGESTION_PORT to a free port.`,
  );
});

test('names the service that does not start, with its reason, and stops the others', async () => {
  const repository = await createRepository({
    'processor_service/dist/worker.js':
      'console.log(JSON.stringify({ level: 60, msg: "no queue" })); process.exit(1)',
  });
  await expect(startServices(repository)).rejects.toMatchObject({
    message: 'processor_service ended while starting, exit code 1: no queue',
  });
  await expect(requireFreeServicePorts(repository.ports)).resolves.toBeUndefined();
});

test('reads the ports of the services from the settings', () => {
  expect(readServicePorts({ INGESTION_PORT: '8080', PORT: '1' })).toEqual({
    INGESTION_PORT: 8080,
    REPORTING_PORT: 4000,
    PROCESSOR_PORT: 5001,
  });
  expect(readServicePorts({ INGESTION_OPERATIONS_PORT: '8081', REPORTING_OPERATIONS_PORT: '0' })).toEqual({
    INGESTION_PORT: 3000,
    INGESTION_OPERATIONS_PORT: 8081,
    REPORTING_PORT: 4000,
    PROCESSOR_PORT: 5001,
  });
});

test('asks a service for its health on its operations port', async () => {
  const readyOnOperationsPort = `
    const http = require('node:http');
    const { INGESTION_PORT, INGESTION_OPERATIONS_PORT, HOST } = process.env;
    const serve = (port, status, onListening) =>
      http.createServer((_request, response) => response.writeHead(status).end()).listen(port, HOST, onListening);
    serve(INGESTION_PORT, 404, () =>
      serve(INGESTION_OPERATIONS_PORT, 200, () => process.send({ listeningOn: Number(INGESTION_PORT) })));`;
  const repository = await createRepository({ 'ingestion_service/dist/server.js': readyOnOperationsPort });
  const ports = { ...repository.ports, INGESTION_OPERATIONS_PORT: await findFreePort() };
  const services = await startServices({ ...repository, ports });

  expect(services).toHaveLength(3);
  await Promise.all(services.map((service) => service.stop()));
});

test.each([
  [{ INGESTION_PORT: '4000' }, "Two services can't share port 4000: set INGESTION_PORT to another."],
  [{ REPORTING_PORT: 'x' }, 'REPORTING_PORT is "x", which is not a port: set it to a free one.'],
  [{ PROCESSOR_PORT: '0' }, 'PROCESSOR_PORT is "0", which is not a port: set it to a free one.'],
  [{ PROCESSOR_OPERATIONS_PORT: 'x' }, 'PROCESSOR_OPERATIONS_PORT is "x", which is not a port: set it to'],
  [
    { PROCESSOR_OPERATIONS_PORT: '5001' },
    "Two services can't share port 5001: set PROCESSOR_OPERATIONS_PORT to another.",
  ],
])("refuses ports that can't be used: %o", (settings, message) => {
  expect(() => readServicePorts(settings)).toThrow(message);
});
