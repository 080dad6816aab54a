import { setTimeout as delay } from 'node:timers/promises';
import type { HealthCheck } from '../http/health.ts';
import type { Logger } from './logger.ts';

export interface ShutdownOptions {
  logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** How long all closings together may take before the process ends anyway (ms). */
  deadlineMs: number;
  /** How long the process works on after the signal, not ready, before it closes anything (ms). */
  drainMs: number;
}

export interface Shutdown {
  /**
   * Registers how to close a resource that was just opened. Last registered, first closed: a resource that is
   * registered during a closing is closed next.
   */
  register(name: string, close: () => unknown): void;
  /** Aborts just before the first closing. Ends work that only waits, such as attempts to connect. */
  signal: AbortSignal;
  /**
   * Down from the signal on, so that a load balancer that asks for `/readyz` sends its requests elsewhere.
   */
  check: HealthCheck;
  /**
   * On SIGTERM or SIGINT waits for `drainMs`, closes everything and ends the process: with 0 if all closed
   * within the deadline, else with 1. A second signal ends it at once with 1.
   */
  handleSignals(): void;
}

/**
 * One Ctrl-C can arrive twice (ms): from the terminal, and from npm or a watcher that forwards it. Only a
 * later signal asks for an immediate end.
 */
const SAME_SIGNAL_MS = 500;

/** Closes a process's resources in the reverse order of their opening. Belongs to a composition root. */
export function createShutdown({ logger, deadlineMs, drainMs }: ShutdownOptions): Shutdown {
  const closings: { name: string; close: () => unknown }[] = [];
  const closing = new AbortController();
  let startedMs: number | undefined;

  async function closeAll(): Promise<boolean> {
    let isClean = true;
    closing.abort();
    for (let last = closings.pop(); last; last = closings.pop()) {
      try {
        await last.close();
      } catch (error) {
        isClean = false;
        logger.error({ err: error }, `could not close ${last.name}`);
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
    signal: closing.signal,
    check: () => (startedMs === undefined ? { status: 'up' } : { status: 'down', reason: 'stopping' }),
    handleSignals: () => {
      process.on('SIGTERM', handle);
      process.on('SIGINT', handle);
    },
  };
}
