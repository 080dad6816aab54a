import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { guard } from '@analytics/local-stack/guardian';
import type { Scope } from './scopes.ts';

/**
 * Runs a program and resolves with its standard output. The program is killed with the scope or with this
 * process.
 *
 * @throws Error with the program's output if it exits with another code than 0.
 */
export async function runProgram(
  scope: Scope,
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const child = spawn(program, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  if (child.pid !== undefined) {
    child.once('exit', guard(child.pid));
    scope.register(async () => child.kill('SIGKILL'));
  }
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    exited,
  ]);
  if (code !== 0) {
    throw new Error(
      `${[program, ...args].join(' ')} ended with ${signal ?? code}: ${stderr.trim() || stdout.trim()}`,
    );
  }
  return stdout;
}
