import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import { promisify } from 'node:util';
import type { Bench } from './bench.ts';
import { CONNECTIONS } from './loadGenerator.ts';

const run = promisify(execFile);

/** Describes the machine and the versions in two lines. */
export async function describeMachine({ programs, dataFolder, rootFolder }: Bench): Promise<string> {
  const machine = [
    `${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${availableParallelism()} cores`,
    `${Math.round(totalmem() / 2 ** 30)} GiB`,
    `${type()} ${release()}`,
    `data on ${await findFileSystem(dataFolder)}`,
    // Near 0 on a machine without other work.
    `load before the run ${loadavg()[0]?.toFixed(1)}`,
  ];
  const versions = [
    `Node ${process.versions.node}`,
    `Redis ${await readVersion(programs.redis)}`,
    `MongoDB ${await readVersion(programs.mongo)}`,
    `${CONNECTIONS} connections`,
    `commit ${await readCommit(rootFolder)}`,
  ];
  return `${machine.join(' · ')}\n${versions.join(' · ')}`;
}

async function readVersion(program: string): Promise<string> {
  const { stdout } = await run(program, ['--version']);
  return /\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? 'of unknown version';
}

/** The file system that holds a folder, on Linux: the cost of a write to disk depends on it. */
async function findFileSystem(folder: string): Promise<string> {
  const mounts = await readFile('/proc/mounts', 'utf8').catch(() => '');
  const holders = mounts
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, point = '/ ']) => `${folder}/`.startsWith(point.endsWith('/') ? point : `${point}/`))
    .sort(([, a = ''], [, b = '']) => b.length - a.length);
  return holders[0]?.[2] ?? 'an unknown file system';
}

async function readCommit(rootFolder: string): Promise<string> {
  try {
    const { stdout: commit } = await run('git', ['-C', rootFolder, 'rev-parse', '--short', 'HEAD']);
    // Every run changes the results themselves.
    const changed = ['status', '--porcelain', '--', '.', ':!bench/RESULTS.md'];
    const { stdout: changes } = await run('git', ['-C', rootFolder, ...changed]);
    return commit.trim() + (changes ? ' with changes' : '');
  } catch {
    // Not a git checkout.
    return 'unknown';
  }
}
