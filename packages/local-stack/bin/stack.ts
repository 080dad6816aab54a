import { runInForeground } from '../src/foreground.ts';
import { readHelpOption } from '../src/helpOption.ts';
import { describeStack } from '../src/screen.ts';
import { startStack } from '../src/stack.ts';
import { print } from '../src/terminal.ts';

readHelpOption(`npm run stack: Redis and MongoDB for development, until Ctrl-C.

Uses what REDIS_HOST and REDIS_PORT, or REDIS_URL, and MONGO_URI name (environment or .env), else what already
listens on 127.0.0.1:6379 and 127.0.0.1:27017, else starts its own there, with data in .data. Fetches a program that is
not installed.`);

// The files of the servers contain events, so only this user may read them.
process.umask(0o077);

await runInForeground(async ({ signal, own }) => {
  const stack = await startStack({ signal });
  stack.servers.forEach(own);
  print(`\n${describeStack(stack)}\n\nCtrl-C stops the servers that were started here.`);
});
