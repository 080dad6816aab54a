import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { guard } from './guardian.ts';
import { findLastProblem } from './logLine.ts';
import { collectOutput, type OutputReceivers } from './processOutput.ts';

export interface ServerExit {
  /**
   * How it ended and what it last complained about, for a sentence: `exit code 1: No space left on device`.
   */
  description: string;
  /** True if we asked for it by `stop()` or `kill()`. */
  wasAsked: boolean;
}

/** A server that runs as a child of this process, and ends when this process does, however that dies. */
export interface RunningServer {
  name: string;
  host: string;
  port: number;
  pid: number;
  /**
   * Ends it by SIGTERM, by SIGKILL if it has not ended `deadlineMs` later (5000). Resolves when it has; may
   * be repeated.
   */
  stop(deadlineMs?: number): Promise<void>;
  /** Ends it by SIGKILL. Resolves when it has ended. */
  kill(): Promise<void>;
  /** Resolves when it has ended, for whatever reason. Never rejects. */
  exited: Promise<ServerExit>;
}

export interface ServerProcessOptions extends OutputReceivers {
  /** As a sentence calls it. */
  name: string;
  program: string;
  args: readonly string[];
  /** The port on 127.0.0.1 that the arguments tell it to use. */
  port: number;
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Asked again and again with the last lines of its output until it says true. */
  isReady(lines: readonly string[]): boolean | Promise<boolean>;
  readyTimeoutMs: number;
  /** Gets what the program sends by `process.send`; without it the program has no channel to send on. */
  onMessage?: ((message: unknown) => void) | undefined;
  /** Gives the start up: what runs by then is stopped. */
  signal?: AbortSignal | undefined;
}

/** A server did not come up; `message` is one sentence with the program's own last complaint. */
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
 * Starts a server program and resolves when it is ready. It gets a process group of its own: a Ctrl-C on the
 * terminal reaches only our process, which then stops its servers in order.
 *
 * @throws ServerStartError if it can't be run, ends first or is not ready within `readyTimeoutMs`; it has
 *   ended by then.
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
      const tell = () => {
        // Nobody can say anything about a SIGKILL; what was said before has nothing to do with it.
        const lastProblem = signal === 'SIGKILL' ? undefined : findLastProblem(lines);
        resolve({ description: [how, lastProblem].filter(Boolean).join(': '), wasAsked });
      };
      // Its last words may still be on their way; a child of its own could keep the pipe open for ever.
      child.once('close', tell);
      setTimeout(tell, 500).unref();
    });
  });
  const hasExited = () => child.exitCode !== null || child.signalCode !== null;
  const end = async (deadlineMs: number): Promise<void> => {
    wasAsked ||= !hasExited();
    if (!hasExited() && deadlineMs > 0) {
      child.kill('SIGTERM');
      // A frozen process would see the SIGTERM only when it goes on.
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
      const lastProblem = findLastProblem(lines) ?? 'it wrote nothing';
      throw new ServerStartError(
        `${name} was not ready within ${readyTimeoutMs / 1000} s; its last words: ${lastProblem}`,
        false,
      );
    }
    await delay(20);
  }
}
