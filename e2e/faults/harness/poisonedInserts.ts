import { Model } from 'mongoose';
import { EXIT_PATH, MEMORY_PATH } from './poisonPaths.ts';

const { insertMany } = Model;

// Gives the worker two bugs that no handler can catch.
Model.insertMany = function (this: typeof Model, documents: { path: string }[], ...rest: unknown[]) {
  const has = (path: string) => documents.some((document) => document.path === path);
  if (has(EXIT_PATH)) {
    process.exit(1);
  }
  if (has(MEMORY_PATH)) {
    takeAllMemory();
  }
  return Reflect.apply(insertMany, this, [documents, ...rest]);
} as typeof insertMany;

function takeAllMemory(): never {
  for (const taken: number[][] = []; ; ) {
    taken.push(new Array<number>(100_000).fill(taken.length));
  }
}
