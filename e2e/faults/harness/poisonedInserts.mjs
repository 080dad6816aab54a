// Loaded into a worker by `node --import`, this gives it two bugs that no handler can catch: it does not
// survive an event of either path. Plain JavaScript, because a loader for TypeScript is a thread that Node
// now and then waits for without end.
import { mongo } from 'mongoose';

const { POISON_EXIT_PATH, POISON_MEMORY_PATH } = process.env;
const { command } = mongo.Db.prototype;

mongo.Db.prototype.command = function (request, ...rest) {
  const has = (path) =>
    request.insert === 'events' && request.documents.some((document) => document.path === path);
  if (has(POISON_EXIT_PATH)) {
    process.exit(1);
  }
  if (has(POISON_MEMORY_PATH)) {
    takeAllMemory();
  }
  return Reflect.apply(command, this, [request, ...rest]);
};

function takeAllMemory() {
  for (const taken = []; ; ) {
    taken.push(new Array(100_000).fill(taken.length));
  }
}
