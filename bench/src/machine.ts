import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import { promisify } from 'node:util';
import type { Bench } from './bench.ts';
import { CONNECTIONS } from './loadGenerator.ts';

/** The machine and the versions that numbers were measured with: two lines. */
export async function describeMachine(bench: Bench): Promise<string> {
  const { programs, loadGenerator, dataFolder, rootFolder } = bench;
  const [redis, mongo, fileSystem, commit] = await Promise.all([
    readVersion(programs.redis),
    readVersion(programs.mongo),
    findFileSystem(dataFolder),
    readCommit(rootFolder),
  ]);
  const memoryGb = Math.round(totalmem() / 2 ** 30);
  const machine = [
    `${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${availableParallelism()} cores`,
    `${memoryGb} GiB`,
    `${type()} ${release()}`,
    `data on ${fileSystem}`,
    // What others were doing: near 0 on a machine that can be trusted.
    `load before the run ${loadavg()[0]?.toFixed(1)}`,
  ];
  const versions = [
    `Node ${process.versions.node}`,
    `Redis ${redis}`,
    `MongoDB ${mongo}`,
    loadGenerator.name,
    `${CONNECTIONS} connections`,
    `commit ${commit}`,
  ];
  return `${machine.join(' · ')}\n${versions.join(' · ')}`;
}

async function readVersion(program: string): Promise<string> {
  const { stdout } = await promisify(execFile)(program, ['--version']);
  return /\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? 'of unknown version';
}

/** The kind of file system that holds a folder, as Linux says: what a write to disk costs hangs on it. */
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
  const git = (...args: string[]) => promisify(execFile)('git', ['-C', rootFolder, ...args]);
  try {
    const { stdout: commit } = await git('rev-parse', '--short', 'HEAD');
    // The results themselves change with every run.
    const { stdout: changes } = await git('status', '--porcelain', '--', '.', ':!bench/RESULTS.md');
    return commit.trim() + (changes ? ' with changes' : '');
  } catch {
    return 'unknown';
  }
}
