import { join } from 'node:path';
import { type Environment, portSetting, SettingsError } from '@analytics/shared/config';
import { requireFreePort } from './freePort.ts';
import { readServiceWarning } from './logLine.ts';
import { type RunningServer, startServerProcess } from './serverProcess.ts';
import type { Stack } from './stack.ts';
import { complain, type Progress } from './terminal.ts';

/** In the order of their start; the end has the opposite order, so that what takes events in stops first. */
const SERVICES = [
  { name: 'reporting_service', script: 'dist/server.js', setting: 'REPORTING_PORT', defaultPort: 4000 },
  { name: 'processor_service', script: 'dist/worker.js', setting: 'PROCESSOR_PORT', defaultPort: 5001 },
  { name: 'ingestion_service', script: 'dist/server.js', setting: 'INGESTION_PORT', defaultPort: 3000 },
] as const;

const READY_TIMEOUT_MS = 60_000;

/** Each service's port, by the name of its setting. */
export type ServicePorts = Record<(typeof SERVICES)[number]['setting'], number>;

/** @throws SettingsError if a port is none, or two services have the same. */
export function readServicePorts(settings: Environment): ServicePorts {
  const ports = SERVICES.map(({ setting, defaultPort }) => {
    const result = portSetting(defaultPort).safeParse(settings[setting]);
    if (!result.success || result.data === 0) {
      throw new SettingsError(
        `${setting} is "${settings[setting]}", which is not a port: set it to a free one.`,
      );
    }
    return [setting, result.data] as const;
  });
  const [twin, port] =
    ports.find(([, port], index) => ports.findIndex(([, other]) => other === port) < index) ?? [];
  if (twin !== undefined) {
    throw new SettingsError(`Two services can't share port ${port}: set ${twin} to another.`);
  }
  return Object.fromEntries(ports) as ServicePorts;
}

/** @throws Error in one sentence if a port is taken. */
export async function requireFreeServicePorts(ports: ServicePorts): Promise<void> {
  for (const { setting } of SERVICES) {
    await requireFreePort(ports[setting], setting);
  }
}

export interface ServicesOptions {
  rootFolder: string;
  stack: Stack;
  ports: ServicePorts;
  progress: Progress;
  signal: AbortSignal;
}

/**
 * Starts the three services from their builds and resolves when each says that it is ready, in the order in which they
 * were started. Warnings and errors of their logs are shown on the terminal.
 *
 * @throws ServerStartError in one sentence about the first that does not come up; the others are stopped by then.
 */
export async function startServices(options: ServicesOptions): Promise<RunningServer[]> {
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  options.progress.show('Starting the services');
  const results = await Promise.allSettled(
    SERVICES.map((service) =>
      startService(service, { ...options, signal }).catch((error) => {
        failed.abort(error);
        throw error;
      }),
    ),
  );
  options.progress.clear();
  const started = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  if (started.length < SERVICES.length) {
    await Promise.all(started.map((server) => server.stop()));
    throw signal.reason;
  }
  return started;
}

function startService(
  { name, script, setting }: (typeof SERVICES)[number],
  { rootFolder, stack, ports, progress, signal }: ServicesOptions,
): Promise<RunningServer> {
  const { PORT: _, ...inherited } = process.env;
  const settings = Object.entries(ports).map(([key, port]) => [key, String(port)]);
  const port = ports[setting];
  return startServerProcess({
    name,
    program: process.execPath,
    args: [script],
    cwd: join(rootFolder, name),
    env: {
      ...inherited,
      ...stack.redis.connection,
      ...stack.mongo.connection,
      ...Object.fromEntries(settings),
    },
    port,
    logFile: join(stack.logFolder, `${name}.log`),
    onLine: (line) => {
      const warning = readServiceWarning(line);
      if (warning !== undefined) {
        progress.clear();
        complain(`${name}: ${warning}`);
      }
    },
    isReady: () => isReady(port),
    readyTimeoutMs: READY_TIMEOUT_MS,
    signal,
  });
}

async function isReady(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(2000) });
    await response.body?.cancel();
    return response.status === 200;
  } catch {
    // Not listening yet.
    return false;
  }
}
