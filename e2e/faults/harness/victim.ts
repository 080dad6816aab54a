import { once } from 'node:events';
import { guard } from '@analytics/local-stack/guardian';
import { freezeProcess, resumeProcess } from '@analytics/local-stack/testing/freezeProcess';
import type { OwnServer } from '@analytics/local-stack/testing/ownServers';
import type { ServiceProcess } from '../../startServices.ts';

/** A process that a fault may do something to. */
export interface Victim {
  readonly name: string;
  readonly pid: number;
  readonly isRunning: boolean;
  /** Ends it by SIGKILL. Resolves when it has ended. */
  kill(): Promise<void>;
  /**
   * Ends it by SIGTERM. Resolves when it has ended.
   *
   * @throws Error if a service does not exit with 0 within its deadline.
   */
  terminate(): Promise<void>;
  /** Makes it hang: it keeps its connections and answers nothing. */
  freeze(): Promise<void>;
  resume(): void;
  /** Starts it again after its end, where it was and with what it had. */
  restart(): Promise<void>;
}

/** A service's process; `restart` makes another one. */
export interface ServiceVictim extends Victim {
  readonly service: ServiceProcess;
}

export function createServerVictim(name: string, server: OwnServer): Victim {
  const requireRunning = () => {
    if (!isAlive(server.pid)) {
      throw new Error(`${name} had already ended by itself.`);
    }
  };
  return {
    name,
    get pid() {
      return server.pid;
    },
    get isRunning() {
      return isAlive(server.pid);
    },
    kill: () => {
      requireRunning();
      return server.kill();
    },
    terminate: () => {
      requireRunning();
      return server.stop();
    },
    freeze: () => server.freeze(),
    resume: () => server.resume(),
    restart: () => server.restart(),
  };
}

/**
 * Starts a service, and again at each `restart`. `exitDeadlineMs` is what its promise allows it after a
 * SIGTERM.
 */
export async function startServiceVictim(
  name: string,
  exitDeadlineMs: number,
  start: () => Promise<ServiceProcess>,
): Promise<ServiceVictim> {
  let service = await startGuarded(start);
  const isRunning = () => service.process.exitCode === null && service.process.signalCode === null;

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (!isRunning()) {
      throw new Error(`${name} had already ended by itself, with ${service.process.exitCode}.`);
    }
    const exited = once(service.process, 'exit');
    service.process.kill(signal);
    await exited;
  }

  return {
    name,
    get service() {
      return service;
    },
    get pid() {
      return service.process.pid as number;
    },
    get isRunning() {
      return isRunning();
    },
    kill: () => end('SIGKILL'),
    terminate: async () => {
      const startedMs = performance.now();
      await end('SIGTERM');
      const tookMs = Math.round(performance.now() - startedMs);
      const { exitCode, signalCode } = service.process;
      if (exitCode !== 0 || tookMs > exitDeadlineMs) {
        throw new Error(`${name} ended ${tookMs} ms after SIGTERM with ${exitCode ?? signalCode}.`);
      }
    },
    freeze: () => freezeProcess(service.process.pid as number),
    resume: () => resumeProcess(service.process.pid as number),
    restart: async () => {
      service = await startGuarded(start);
    },
  };
}

/** The service ends with this process at the latest, however that dies. */
async function startGuarded(start: () => Promise<ServiceProcess>): Promise<ServiceProcess> {
  const service = await start();
  service.process.once('exit', guard(service.process.pid as number));
  return service;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
