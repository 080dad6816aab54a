import { spawn } from 'node:child_process';

/**
 * The end of the input without a line means that our process died and could not stop what it had started. A
 * program that does not follow SIGTERM is killed ten seconds later.
 */
const SCRIPT = `
trap "" HUP INT TERM
read -r line && exit
kill -TERM "$1" || exit
for second in 1 2 3 4 5 6 7 8 9 10; do sleep 1; kill -0 "$1" || exit; done
kill -KILL "$1"`;

/**
 * Starts a small shell that ends the process `pid` if our own process dies, even by SIGKILL. It holds nothing
 * but one end of a pipe.
 *
 * @returns how to dismiss it; to be called as soon as `pid` has ended, before the number can be used again.
 */
export function guard(pid: number): () => void {
  const guardian = spawn('/bin/sh', ['-c', SCRIPT, 'guardian', String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const warn = (error: Error) =>
    process.emitWarning(`Process ${pid} would outlive this one, its guardian failed: ${error.message}`);
  guardian.on('error', warn);
  guardian.stdin.on('error', warn);
  guardian.unref();
  return () => guardian.stdin.end('dismissed\n');
}
