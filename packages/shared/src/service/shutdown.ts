import { setTimeout as delay } from 'node:timers/promises';
import type { HealthCheck } from '../http/health.ts';
import type { Logger } from './logger.ts';

export interface ShutdownOptions {
  logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** How long all closings together may take before the process ends anyway. */
  deadlineMs: number;
  /** How long the process goes on after the signal, not ready but at work, before it closes anything. */
  drainMs: number;
}

export interface Shutdown {
  /** Registers how to close what was just opened. Last registered, first closed. */
  register(name: string, close: () => unknown): void;
  /**
   * Down from the signal on, so that a load balancer which asks for `/readyz` sends its requests elsewhere.
   */
  check: HealthCheck;
  /**
   * On SIGTERM or SIGINT waits for `drainMs`, closes everything and ends the process: with 0 if all closed
   * within the deadline, else with 1. A second signal ends it at once with 1.
   */
  handleSignals(): void;
}

/**
 * One Ctrl-C can arrive twice: from the terminal, and from npm or a watcher that passes it on. Only a later
 * signal means that somebody has no patience.
 */
const SAME_SIGNAL_MS = 500;

/** Closes a process's resources in the reverse order of their opening. Belongs to a composition root. */
export function createShutdown({ logger, deadlineMs, drainMs }: ShutdownOptions): Shutdown {
  const closings: { name: string; close: () => unknown }[] = [];
  let startedMs: number | undefined;

  async function closeAll(): Promise<boolean> {
    let isClean = true;
    for (const { name, close } of closings.reverse()) {
      try {
        await close();
      } catch (error) {
        isClean = false;
        logger.error({ err: error }, `could not close ${name}`);
      }
    }
    return isClean;
  }

  async function run(signal: NodeJS.Signals): Promise<void> {
    logger.info(`stopping: ${signal}`);
    await delay(drainMs);
    const deadline = setTimeout(() => {
      logger.error(`not stopped within ${deadlineMs} ms: ending now`);
      process.exit(1);
    }, deadlineMs);
    const isClean = await closeAll();
    clearTimeout(deadline);
    logger.info('stopped');
    process.exit(isClean ? 0 : 1);
  }

  function handle(signal: NodeJS.Signals): void {
    const nowMs = performance.now();
    if (startedMs === undefined) {
      startedMs = nowMs;
      void run(signal);
    } else if (nowMs - startedMs > SAME_SIGNAL_MS) {
      logger.warn(`${signal} while stopping: ending at once`);
      process.exit(1);
    }
  }

  return {
    register: (name, close) => {
      closings.push({ name, close });
    },
    check: () => (startedMs === undefined ? { status: 'up' } : { status: 'down', reason: 'stopping' }),
    handleSignals: () => {
      process.on('SIGTERM', handle);
      process.on('SIGINT', handle);
    },
  };
}
