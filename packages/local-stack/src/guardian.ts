import { spawn } from 'node:child_process';

/**
 * If the input ends without a line, the parent died before it could stop its server. A server that ignores
 * SIGTERM is killed ten seconds later.
 */
const SCRIPT = `
trap "" HUP INT TERM
read -r line && exit
kill -TERM "$1" || exit
for second in 1 2 3 4 5 6 7 8 9 10; do sleep 1; kill -0 "$1" || exit; done
kill -KILL "$1"`;

/**
 * Starts a small shell that ends the process `pid` if this process dies, even by SIGKILL. The shell waits on
 * one end of a pipe.
 *
 * @returns a function that ends the shell. Call it as soon as `pid` has ended, before the system reuses the
 *   number.
 */
export function guard(pid: number): () => void {
  const guardian = spawn('/bin/sh', ['-c', SCRIPT, 'guardian', String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const warn = (error: Error) =>
    process.emitWarning(
      `Process ${pid} would outlive this one, because its guardian failed: ${error.message}`,
    );
  guardian.on('error', warn);
  guardian.stdin.on('error', warn);
  guardian.unref();
  return () => guardian.stdin.end('dismissed\n');
}
