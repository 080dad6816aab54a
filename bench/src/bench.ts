import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findMongoProgram } from '@analytics/local-stack/mongoProgram';
import { findRedisProgram } from '@analytics/local-stack/redisProgram';
import { findRootFolder } from '@analytics/local-stack/rootFolder';
import { createProgress, type Progress } from '@analytics/local-stack/terminal';
import { writeBatchBodies, writeEventBodies } from './bodiesFile.ts';
import { findLoadGenerator, type LoadGenerator } from './loadGenerator.ts';
import type { Scope, Scopes } from './scopes.ts';

/** Events in one body of `POST /events`. */
export const BATCH_SIZE = 100;

/** What every measurement stands on. */
export interface Bench {
  rootFolder: string;
  benchFolder: string;
  /** For the data of the servers; removed in the end. */
  dataFolder: string;
  programs: { redis: string; mongo: string };
  loadGenerator: LoadGenerator;
  /** Files with bodies to post. */
  eventBodies: string;
  batchBodies: string;
  progress: Progress;
  scopes: Scopes;
}

/** Finds the programs and makes the files; starts nothing yet. */
export async function createBench(scopes: Scopes, scope: Scope): Promise<Bench> {
  const progress = createProgress();
  const rootFolder = findRootFolder();
  const benchFolder = join(rootFolder, 'bench');
  const search = { environment: process.env, progress };
  const programs = { redis: await findRedisProgram(search), mongo: await findMongoProgram(search) };
  progress.clear();
  const dataFolder = await createDataFolder(rootFolder, scope);
  return {
    rootFolder,
    benchFolder,
    dataFolder,
    programs,
    loadGenerator: await findLoadGenerator(benchFolder),
    eventBodies: await writeEventBodies(join(dataFolder, 'events.jsonl')),
    batchBodies: await writeBatchBodies(join(dataFolder, 'batches.jsonl'), BATCH_SIZE),
    progress,
    scopes,
  };
}

// Not the system's temporary folder: on many systems that is memory, and writing to disk would cost nothing.
async function createDataFolder(rootFolder: string, scope: Scope): Promise<string> {
  const parent = join(rootFolder, '.data');
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, 'bench-'));
  scope.register(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
