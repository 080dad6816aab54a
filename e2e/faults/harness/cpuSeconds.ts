import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/**
 * The processor time that a process has used, in seconds, as exact as `ps` says it (whole seconds on Linux).
 */
export async function cpuSeconds(pid: number): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'time=', '-p', String(pid)]);
  // [[days-]hours:]minutes:seconds
  const [days, time] = stdout.includes('-') ? stdout.split('-') : ['0', stdout];
  const seconds = (time ?? '').split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
  return Number(days) * 86_400 + seconds;
}
