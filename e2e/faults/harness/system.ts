import { findFreePort } from '@analytics/local-stack/freePort';
import type { OwnReplicaSet } from '@analytics/local-stack/testing/ownReplicaSet';
import type { TestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { startService } from '../../startServices.ts';
import { type Proxies, startProxies, throughProxies } from './proxies.ts';
import { type Servers, startServers, type View } from './servers.ts';
import { createServerVictim, type ServiceVictim, startServiceVictim, type Victim } from './victim.ts';

/** What the services promise after a SIGTERM. */
const SERVER_EXIT_DEADLINE_MS = 10_000;
const WORKER_EXIT_DEADLINE_MS = 25_000;

export interface SystemOptions {
  /** The number of workers at the start. Default: 1. */
  workers?: number;
  /** Further arguments of Redis. */
  redisArgs?: string[];
  /**
   * Whether ingestion and workers reach their servers through proxies; without them a server that ended
   * refuses connections.
   */
  isProxied?: boolean;
  /** Whether MongoDB is a replica set of three. */
  isReplicated?: boolean;
  /** What the workers find in their environment besides. */
  workerEnv?: Record<string, string>;
}

/** The whole system, each part a process of its own. */
export interface System extends View {
  ingestion: ServiceVictim;
  workers: ServiceVictim[];
  reporting: ServiceVictim;
  redis: Victim;
  /** The only MongoDB, or the first member of the replica set. */
  mongo: Victim;
  replicaSet: OwnReplicaSet | undefined;
  proxies: Proxies | undefined;
  /** The settings by which a command finds Redis and MongoDB. */
  settings: Record<string, string>;
  /** Starts one more worker and resolves when it is up, whether it is ready or not. */
  addWorker(): Promise<ServiceVictim>;
  /** All that should be running and is not. */
  findDead(): string[];
  /** Ends everything at once and removes its data. */
  remove(): Promise<void>;
}

/**
 * Starts a fresh system: empty servers, one ingestion service, workers, one reporting service, all of them
 * ready.
 */
export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const {
    workers: workerCount = 1,
    redisArgs = [],
    isProxied = false,
    isReplicated = false,
    workerEnv = {},
  } = options;
  const servers = await startServers(redisArgs, isReplicated);
  const proxies = isProxied ? await startProxies(servers.stack) : undefined;
  const services = createServices(servers, proxies, workerEnv);
  const remove = async () => {
    await services.kill();
    await Promise.all(Object.values(proxies ?? {}).map((proxy) => proxy.close()));
    await servers.remove();
  };
  try {
    const [ingestion, reporting, ...workers] = await Promise.all([
      services.addIngestion(),
      services.addReporting(),
      ...Array.from({ length: workerCount }, services.addWorker),
    ]);
    await Promise.all([ingestion, reporting, ...workers].map(waitUntilReady));
    const redis = createServerVictim('Redis', servers.redis);
    const mongods = servers.mongods.map((server) => createServerVictim('mongod', server));
    return {
      ...servers.view,
      ingestion,
      reporting,
      workers,
      redis,
      mongo: mongods[0] as Victim,
      replicaSet: servers.replicaSet,
      proxies,
      settings: toSettings(servers.stack),
      addWorker: services.addWorker,
      findDead: () =>
        [redis, ...mongods, ...services.started]
          .filter(({ isRunning }) => !isRunning)
          .map(({ name }) => name),
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

function toSettings({ register: _, ...settings }: TestStack): Record<string, string> {
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)]));
}

/** Knows how each service is started, and all that were. */
function createServices({ stack }: Servers, proxies: Proxies | undefined, workerEnv: Record<string, string>) {
  const started: ServiceVictim[] = [];
  const workerStack = { ...(proxies ? throughProxies(stack, proxies) : stack), ...workerEnv };

  async function add(...args: Parameters<typeof startServiceVictim>): Promise<ServiceVictim> {
    const service = await startServiceVictim(...args);
    started.push(service);
    return service;
  }

  return {
    started,
    addIngestion: async () => {
      // A service that is started again is where it was.
      const PORT = await findFreePort();
      const ingestionStack = {
        ...stack,
        PORT,
        REDIS_PORT: proxies?.ingestionToRedis.port ?? stack.REDIS_PORT,
      };
      return add('ingestion', SERVER_EXIT_DEADLINE_MS, () =>
        startService('ingestion_service', ingestionStack),
      );
    },
    addReporting: () =>
      add('reporting', SERVER_EXIT_DEADLINE_MS, () => startService('reporting_service', stack)),
    addWorker: () =>
      add('worker', WORKER_EXIT_DEADLINE_MS, () => startService('processor_service', workerStack)),
    kill: () => Promise.all(started.map((service) => service.isRunning && service.kill())),
  };
}

/** A service is up before it knows of its dependencies, and refuses what it is asked until then. */
async function waitUntilReady({ service }: ServiceVictim): Promise<void> {
  const ask = async () => {
    const response = await fetch(`${service.url}/readyz`);
    return { status: response.status, body: await response.text() };
  };
  await waitUntil(ask, ({ status }) => status === 200);
}
