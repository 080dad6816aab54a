import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { guard } from '@analytics/local-stack/guardian';
import type { Scope } from './scopes.ts';

/**
 * Runs a program to its end and resolves with what it wrote to its standard output. It ends with the scope,
 * and with this process, at the latest.
 *
 * @throws Error with its complaint if it ended otherwise than with 0.
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
    const dismissGuardian = guard(child.pid);
    child.once('exit', dismissGuardian);
    scope.register(async () => child.kill('SIGKILL'));
  }
  const [output, complaint, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    exited,
  ]);
  if (code !== 0) {
    throw new Error(`${program} ended with ${signal ?? code}: ${complaint.trim() || output.trim()}`);
  }
  return output;
}
