import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { guard } from './guardian.ts';
import { findLastProblem } from './logLine.ts';
import { collectOutput, type OutputReceivers } from './processOutput.ts';

export interface ServerExit {
  /** The exit code or signal, and the last error that it printed: `exit code 1: No space left on device`. */
  description: string;
  /** True if `stop()` or `kill()` caused it. */
  wasAsked: boolean;
}

/** A server that runs as a child of this process. It ends with this process, even after a SIGKILL. */
export interface RunningServer {
  name: string;
  host: string;
  port: number;
  pid: number;
  /**
   * Ends it by SIGTERM, and by SIGKILL if it is still running `deadlineMs` later (5000). Resolves when it has
   * ended. May be called again.
   */
  stop(deadlineMs?: number): Promise<void>;
  /** Ends it by SIGKILL. Resolves when it has ended. */
  kill(): Promise<void>;
  /** Resolves when it has ended for any reason. Never rejects. */
  exited: Promise<ServerExit>;
}

export interface ServerProcessOptions extends OutputReceivers {
  /** The name in messages. */
  name: string;
  program: string;
  args: readonly string[];
  /** The port on 127.0.0.1 that `args` set. */
  port: number;
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Called every 20 ms with the last lines of the server's output until it returns true. */
  isReady(lines: readonly string[]): boolean | Promise<boolean>;
  readyTimeoutMs: number;
  /** Receives what the program sends by `process.send`. Without it, the program has no IPC channel. */
  onMessage?: ((message: unknown) => void) | undefined;
  /** Cancels the start and stops the server. */
  signal?: AbortSignal | undefined;
}

/** A server did not start. `message` is one sentence with the last error that the program printed. */
export class ServerStartError extends Error {
  override readonly name = 'ServerStartError';
  readonly isPortTaken: boolean;

  constructor(message: string, isPortTaken: boolean) {
    super(message);
    this.isPortTaken = isPortTaken;
  }
}

/** Whether a start failed only because another program had the port. */
export function isPortTakenError(error: unknown): boolean {
  return error instanceof ServerStartError && error.isPortTaken;
}

/**
 * Starts a server program and resolves when it is ready. The server gets its own process group: a Ctrl-C on
 * the terminal reaches only this process, which then stops its servers in order.
 *
 * @throws ServerStartError if it can't be run, exits before it is ready, or is not ready within
 *   `readyTimeoutMs`. It is no longer running then.
 */
export async function startServerProcess(options: ServerProcessOptions): Promise<RunningServer> {
  const { name, port, signal } = options;
  signal?.throwIfAborted();
  const child = spawnProgram(options);
  const { pid } = child;
  if (pid === undefined) {
    const [error] = (await once(child, 'error')) as [Error];
    throw new ServerStartError(`${name} can't be started: ${error.message}`, false);
  }
  const dismissGuardian = guard(pid);
  child.once('exit', dismissGuardian);
  const lines = collectOutput(child, options);
  const server = { name, host: '127.0.0.1', port, pid, ...createEnding(child, lines) };
  try {
    await waitUntilReady(options, lines, server.exited);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

function spawnProgram({ program, args, cwd, env, onMessage }: ServerProcessOptions) {
  const child = spawn(program, args, {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', ...(onMessage ? (['ipc'] as const) : [])],
  });
  if (onMessage) {
    child.on('message', onMessage);
  }
  return child as ChildProcessByStdio<null, Readable, Readable>;
}

function createEnding(
  child: ChildProcess,
  lines: readonly string[],
): Pick<RunningServer, 'stop' | 'kill' | 'exited'> {
  let wasAsked = false;
  const exited = new Promise<ServerExit>((resolve) => {
    child.once('exit', (code, signal) => {
      const how = signal ? `signal ${signal}` : `exit code ${code}`;
      const resolveExit = () => {
        // A process can't report its own SIGKILL, so the errors that it printed earlier are not the cause.
        const lastProblem = signal === 'SIGKILL' ? undefined : findLastProblem(lines);
        resolve({ description: [how, lastProblem].filter(Boolean).join(': '), wasAsked });
      };
      // Its last output may arrive after the exit. A child process of its own could keep the pipe open for
      // ever.
      child.once('close', resolveExit);
      setTimeout(resolveExit, 500).unref();
    });
  });
  const hasExited = () => child.exitCode !== null || child.signalCode !== null;
  const end = async (deadlineMs: number): Promise<void> => {
    wasAsked ||= !hasExited();
    if (!hasExited() && deadlineMs > 0) {
      child.kill('SIGTERM');
      // A process stopped by SIGSTOP receives the SIGTERM only after it continues.
      child.kill('SIGCONT');
      await Promise.race([exited, delay(deadlineMs, undefined, { ref: false })]);
    }
    if (!hasExited()) {
      child.kill('SIGKILL');
    }
    await exited;
  };
  return { stop: (deadlineMs = 5000) => end(deadlineMs), kill: () => end(0), exited };
}

async function waitUntilReady(
  { name, isReady, readyTimeoutMs, signal }: ServerProcessOptions,
  lines: readonly string[],
  exited: Promise<ServerExit>,
): Promise<void> {
  const deadline = Date.now() + readyTimeoutMs;
  let exit: ServerExit | undefined;
  void exited.then((value) => {
    exit = value;
  });
  while (!(await isReady(lines))) {
    signal?.throwIfAborted();
    if (exit) {
      const isPortTaken = lines.some((line) => /address already in use|EADDRINUSE/i.test(line));
      throw new ServerStartError(`${name} ended while starting, ${exit.description}`, isPortTaken);
    }
    if (Date.now() > deadline) {
      const lastProblem = findLastProblem(lines) ?? 'none';
      throw new ServerStartError(
        `${name} was not ready within ${readyTimeoutMs / 1000} s; its last output: ${lastProblem}`,
        false,
      );
    }
    await delay(20);
  }
}
