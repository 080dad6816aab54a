import { join } from 'node:path';
import { type Environment, portSetting, SettingsError } from '@analytics/shared/service/config';
import { createPortTakenError, requireFreePort } from './freePort.ts';
import { formatHost, toReachableHost } from './host.ts';
import { readServiceWarning } from './logLine.ts';
import { readNodeArgs } from './nodeArgs.ts';
import { isPortTakenError, type RunningServer, startServerProcess } from './serverProcess.ts';
import type { Stack } from './stack.ts';
import { type Progress, printError } from './terminal.ts';

/** In the order of their start. They stop in reverse order, so that the ingestion service stops first. */
const SERVICES = [
  {
    name: 'reporting_service',
    setting: 'REPORTING_PORT',
    defaultPort: 4000,
    operationsSetting: 'REPORTING_OPERATIONS_PORT',
  },
  {
    name: 'processor_service',
    setting: 'PROCESSOR_PORT',
    defaultPort: 5001,
    operationsSetting: 'PROCESSOR_OPERATIONS_PORT',
  },
  {
    name: 'ingestion_service',
    setting: 'INGESTION_PORT',
    defaultPort: 3000,
    operationsSetting: 'INGESTION_OPERATIONS_PORT',
  },
] as const;

const READY_TIMEOUT_MS = 60_000;

type PortSetting = (typeof SERVICES)[number]['setting'];
type OperationsSetting = (typeof SERVICES)[number]['operationsSetting'];

/** Each service's port, and its port for health and metrics if it has one, by the names of the settings. */
export type ServicePorts = Record<PortSetting, number> & Partial<Record<OperationsSetting, number>>;

/** @throws SettingsError if a port is invalid or two services have the same port. */
export function readServicePorts(settings: Environment): ServicePorts {
  const ports = SERVICES.flatMap(({ setting, defaultPort, operationsSetting }) => {
    const port = readPort(settings, setting, defaultPort);
    const operationsPort = readPort(settings, operationsSetting, 0);
    if (port === 0) {
      throw createPortError(settings, setting);
    }
    return [
      { setting, port },
      ...(operationsPort > 0 ? [{ setting: operationsSetting, port: operationsPort }] : []),
    ];
  });
  const twin = ports.find(({ port }, index) => ports.findIndex((other) => other.port === port) < index);
  if (twin !== undefined) {
    throw new SettingsError(`Two services can't share port ${twin.port}: set ${twin.setting} to another.`);
  }
  return Object.fromEntries(ports.map(({ setting, port }) => [setting, port])) as ServicePorts;
}

function readPort(settings: Environment, setting: string, defaultPort: number): number {
  const result = portSetting(defaultPort).safeParse(settings[setting]);
  if (!result.success) {
    throw createPortError(settings, setting);
  }
  return result.data;
}

function createPortError(settings: Environment, setting: string): SettingsError {
  return new SettingsError(
    `${setting} is "${settings[setting]}", which is not a port: set it to a free one.`,
  );
}

/** @throws Error if a port is in use. */
export async function requireFreeServicePorts(ports: ServicePorts): Promise<void> {
  for (const [setting, port] of Object.entries(ports)) {
    await requireFreePort(port, setting);
  }
}

export interface ServicesOptions {
  rootFolder: string;
  stack: Stack;
  ports: ServicePorts;
  /** The address that the services listen on. */
  host: string;
  progress: Progress;
  signal: AbortSignal;
}

/**
 * Starts the three services from their builds and resolves, in the order of their start, when all are ready.
 * Prints the warnings and errors of their logs on the terminal. During the start, a warning that several
 * services log is printed once.
 *
 * @throws Error about the first service that does not start. The others have been stopped.
 */
export async function startServices(options: ServicesOptions): Promise<RunningServer[]> {
  const { progress } = options;
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const shownWarnings = new Set<string>();
  let isStarting = true;
  const showWarning = (name: string, warning: string) => {
    if (!(isStarting && shownWarnings.has(warning))) {
      shownWarnings.add(warning);
      progress.clear();
      printError(`${name}: ${warning}`);
    }
  };
  progress.show('Starting the services');
  const results = await Promise.allSettled(
    SERVICES.map((service) =>
      startService(service, { ...options, signal, showWarning }).catch((error) => {
        failed.abort(error);
        throw error;
      }),
    ),
  );
  isStarting = false;
  progress.clear();
  const started = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  if (started.length < SERVICES.length) {
    await Promise.all(started.map((server) => server.stop()));
    throw signal.reason;
  }
  return started;
}

interface ServiceOptions extends ServicesOptions {
  showWarning: (name: string, warning: string) => void;
}

async function startService(
  { name, setting, operationsSetting }: (typeof SERVICES)[number],
  { rootFolder, stack, ports, host, signal, showWarning }: ServiceOptions,
): Promise<RunningServer> {
  const { PORT: _, OPERATIONS_PORT: _operations, ...inherited } = process.env;
  const settings = Object.entries(ports).map(([key, port]) => [key, String(port)]);
  const port = ports[setting];
  const healthPort = ports[operationsSetting] ?? port;
  const folder = join(rootFolder, name);
  let isListening = false;
  try {
    return await startServerProcess({
      name,
      program: process.execPath,
      args: readNodeArgs(folder, 'start'),
      cwd: folder,
      env: {
        ...inherited,
        ...stack.redis.connection,
        ...stack.mongo.connection,
        // Overrides the service's own .env, which is not read here.
        [operationsSetting]: '0',
        ...Object.fromEntries(settings),
        HOST: host,
        // There is no load balancer that must first notice the shutdown.
        SHUTDOWN_DRAIN_SECONDS: '0',
      },
      port,
      logFile: join(stack.logFolder, `${name}.log`),
      onLine: (line) => {
        const warning = readServiceWarning(line);
        if (warning !== undefined) {
          showWarning(name, warning);
        }
      },
      onMessage: (message) => {
        isListening ||= (message as { listeningOn?: unknown }).listeningOn === port;
      },
      // The service's own message comes first: another program on the port could answer `/readyz` too.
      isReady: () => isListening && isReady(host, healthPort),
      readyTimeoutMs: READY_TIMEOUT_MS,
      signal,
    });
  } catch (error) {
    throw isPortTakenError(error) ? createPortTakenError(port, setting, error) : error;
  }
}

async function isReady(host: string, port: number): Promise<boolean> {
  try {
    const url = `http://${formatHost(toReachableHost(host))}:${port}/readyz`;
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
    await response.body?.cancel();
    return response.status === 200;
  } catch {
    // The service is too busy to answer, or is ending; `startServerProcess` notices an exit.
    return false;
  }
}
