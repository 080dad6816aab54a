import { execFileSync } from 'node:child_process';
import { waitUntil } from './waitUntil.ts';

/**
 * Stops a process by SIGSTOP: it keeps its connections and answers nothing. Resolves when each of its threads
 * has stopped. The signal takes effect when the main thread gets a processor; on a busy machine the other
 * threads of a server answer requests until then.
 */
export async function freezeProcess(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  await waitUntil(
    () => readThreadStates(pid),
    (states) => states.every((state) => state.startsWith('T')),
  );
}

/** Lets a frozen process continue. */
export function resumeProcess(pid: number): void {
  process.kill(pid, 'SIGCONT');
}

/** The state of each thread as `ps` prints it; `T` is a stopped one. */
function readThreadStates(pid: number): string[] {
  const format = process.platform === 'linux' ? ['-L', '-o', 'stat='] : ['-o', 'stat='];
  return execFileSync('ps', [...format, '-p', String(pid)], { encoding: 'utf8' })
    .trim()
    .split('\n');
}
