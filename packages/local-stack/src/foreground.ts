import type { RunningServer } from './serverProcess.ts';
import { complain, say } from './terminal.ts';

export interface Foreground {
  /** Aborted when the program is to end, also while it is still starting. */
  signal: AbortSignal;
  /**
   * Hands over a server that must keep running, and is stopped in the end: the last one handed over first.
   */
  own(server: RunningServer): void;
}

/**
 * npm passes a Ctrl-C on to its child, which the terminal has told already: two signals, one key. Only a
 * later one means that somebody has no patience.
 */
const SAME_KEY_MS = 500;

/** What all servers together may take to stop before they are killed. */
const STOP_BUDGET_MS = 9000;

/**
 * Runs `start`, then waits: for Ctrl-C or another signal that asks to end, for a server that ends by itself,
 * or for `start` to fail. Stops what it was handed, and ends this process: with 0 if it was asked to, else
 * with 1 after a sentence that says why. A second Ctrl-C kills the servers and ends at once, with 1.
 */
export async function runInForeground(start: (foreground: Foreground) => Promise<void>): Promise<never> {
  const owned: RunningServer[] = [];
  const ending = new AbortController();
  let exitCode = 0;
  const fail = (sentence: string) => {
    if (!ending.signal.aborted) {
      complain(sentence);
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
  say('Stopping …');
  const deadlineMs = Date.now() + STOP_BUDGET_MS;
  for (const [index, server] of servers.entries()) {
    // An equal share of what is left: nobody's slowness takes the time of those that come after.
    await server.stop((deadlineMs - Date.now()) / (servers.length - index));
  }
  say('Stopped.');
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
  // The terminal may be gone before we are; what would be said then has no reader, and stopping has to go on.
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
}
