import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findMongoProgram } from '@analytics/local-stack/mongoProgram';
import { findRedisProgram } from '@analytics/local-stack/redisProgram';
import { findRootFolder } from '@analytics/local-stack/rootFolder';
import { createProgress, type Progress } from '@analytics/local-stack/terminal';
import type { Scope, Scopes } from './scopes.ts';

/** What every measurement needs. */
export interface Bench {
  rootFolder: string;
  /** The parent of the servers' data folders. */
  dataFolder: string;
  programs: { redis: string; mongo: string };
  progress: Progress;
  scopes: Scopes;
}

/** Finds the programs and creates the data folder, which is removed with the scope. */
export async function createBench(scopes: Scopes, scope: Scope): Promise<Bench> {
  const progress = createProgress();
  const rootFolder = findRootFolder();
  const search = { environment: process.env, progress };
  const programs = { redis: await findRedisProgram(search), mongo: await findMongoProgram(search) };
  progress.clear();
  // The system's temporary folder is often in memory, where writes to disk cost nothing.
  const parent = join(rootFolder, '.data');
  await mkdir(parent, { recursive: true });
  const dataFolder = await mkdtemp(join(parent, 'bench-'));
  scope.register(() => rm(dataFolder, { recursive: true, force: true }));
  return { rootFolder, dataFolder, programs, progress, scopes };
}
