import type { Logger } from './logger.ts';

export interface ShutdownOptions {
  logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** How long all closings together may take before the process ends anyway. */
  deadlineMs: number;
}

export interface Shutdown {
  /** Registers how to close what was just opened. Last registered, first closed. */
  register(name: string, close: () => unknown): void;
  /**
   * Closes everything once and ends the process: with `exitCode` if all closed within the deadline, else with 1.
   * A second call while the first is under way ends the process at once with 1.
   */
  run(reason: string, exitCode?: number): Promise<void>;
  /** Runs on SIGTERM and SIGINT (exit code 0). */
  handleSignals(): void;
}

/** Closes a process's resources in the reverse order of their opening. Belongs to a composition root. */
export function createShutdown({ logger, deadlineMs }: ShutdownOptions): Shutdown {
  const closings: { name: string; close: () => unknown }[] = [];
  let isRunning = false;

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

  async function run(reason: string, exitCode = 0): Promise<void> {
    if (isRunning) {
      logger.warn(`${reason} while stopping: ending at once`);
      process.exit(1);
    }
    isRunning = true;
    logger.info(`stopping: ${reason}`);
    const deadline = setTimeout(() => {
      logger.error(`not stopped within ${deadlineMs} ms: ending now`);
      process.exit(1);
    }, deadlineMs);
    const isClean = await closeAll();
    clearTimeout(deadline);
    logger.info('stopped');
    process.exit(isClean ? exitCode : 1);
  }

  return {
    register: (name, close) => {
      closings.push({ name, close });
    },
    run,
    handleSignals: () => {
      process.on('SIGTERM', () => void run('SIGTERM'));
      process.on('SIGINT', () => void run('SIGINT'));
    },
  };
}
