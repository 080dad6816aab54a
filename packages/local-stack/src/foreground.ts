import type { RunningServer } from './serverProcess.ts';
import { print, printError } from './terminal.ts';

export interface Foreground {
  /** Aborted when the program must end, even during its start. */
  signal: AbortSignal;
  /** Registers a server that must keep running. At the end, the last one registered is stopped first. */
  own(server: RunningServer): void;
}

/**
 * One Ctrl-C arrives twice: from the terminal, and from npm, which forwards it. Only a later signal is a
 * second Ctrl-C.
 */
const SAME_KEY_MS = 500;

/** The time in which all servers together must stop; then they are killed. */
const STOP_BUDGET_MS = 9000;

/**
 * Runs `start`, then waits for a signal (Ctrl-C), for a server that exits by itself, or for `start` to fail.
 * Then stops all registered servers and exits: with 0 after a signal, otherwise with 1 after printing the
 * reason. A second Ctrl-C kills the servers and exits with 1 at once.
 */
export async function runInForeground(start: (foreground: Foreground) => Promise<void>): Promise<never> {
  const owned: RunningServer[] = [];
  const ending = new AbortController();
  let exitCode = 0;
  const fail = (sentence: string) => {
    if (!ending.signal.aborted) {
      printError(sentence);
      exitCode = 1;
      ending.abort();
    }
  };
  const ended = new Promise((resolve) => ending.signal.addEventListener('abort', resolve));
  handleSignals(
    () => ending.abort(),
    () => Promise.all(owned.map((server) => server.kill())),
  );
  const own: Foreground['own'] = (server) => {
    owned.push(server);
    void server.exited.then(({ description, wasAsked }) => {
      if (!wasAsked) {
        fail(`${server.name} ended by itself, ${description}. Stopping everything else.`);
      }
    });
  };
  try {
    await start({ signal: ending.signal, own });
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
  }
  await ended;
  await stopAll(owned.reverse());
  process.exit(exitCode);
}

async function stopAll(servers: readonly RunningServer[]): Promise<void> {
  if (servers.length === 0) {
    return;
  }
  print('Stopping …');
  const deadlineMs = Date.now() + STOP_BUDGET_MS;
  for (const [index, server] of servers.entries()) {
    // Each server gets an equal share of the time left, so a slow one does not take the time of the others.
    await server.stop((deadlineMs - Date.now()) / (servers.length - index));
  }
  print('Stopped.');
}

function handleSignals(onFirst: () => void, killAll: () => Promise<unknown>): void {
  let firstMs: number | undefined;
  const handle = async () => {
    const nowMs = performance.now();
    firstMs ??= nowMs;
    if (firstMs === nowMs) {
      onFirst();
    } else if (nowMs - firstMs > SAME_KEY_MS) {
      await killAll();
      process.exit(1);
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => void handle());
  }
  // If the terminal has been closed, printing fails, but the servers must still be stopped.
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
}
