// Loaded into a worker by `node --import`, this gives it two bugs that no handler can catch: it does not survive an event of
// either path. Plain JavaScript, because a loader for TypeScript is a thread that Node now and then waits for without end.
import { Model } from 'mongoose';

const { POISON_EXIT_PATH, POISON_MEMORY_PATH } = process.env;
const { insertMany } = Model;

Model.insertMany = function (documents, ...rest) {
  const has = (path) => documents.some((document) => document.path === path);
  if (has(POISON_EXIT_PATH)) {
    process.exit(1);
  }
  if (has(POISON_MEMORY_PATH)) {
    takeAllMemory();
  }
  return Reflect.apply(insertMany, this, [documents, ...rest]);
};

function takeAllMemory() {
  for (const taken = []; ; ) {
    taken.push(new Array(100_000).fill(taken.length));
  }
}
