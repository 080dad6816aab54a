import { startTestServers } from '@analytics/local-stack/testServers';
import { runCommand } from '@analytics/shared/service/runCommand';
import type { Services } from '../startServices.ts';
import { startServices, waitUntilReady } from '../startServices.ts';
import { installSchemathesis } from './installSchemathesis.ts';
import { runSchemathesis } from './runSchemathesis.ts';

const HELP = `npm run test:openapi [-- --short] [--seed N] [--examples N]

Starts a Redis, a MongoDB and the services, and sends them requests that schemathesis derives from their OpenAPI
documents: valid and invalid ones. Fails if an answer is not in the document, a valid request is refused, an invalid one
is accepted, or a service answers 500. Takes about five minutes.

  --short       fewer requests: about a minute and a half
  --examples N  requests per route in each phase (default 200; 40 with --short)
  --seed N      the same requests as in an earlier run, which printed N

Needs Python 3.11 or newer with venv: apt install python3-venv, brew install python, or https://www.python.org.
PYTHON names another program than python3. The first run installs schemathesis into a cache folder.
`;

const SHORT_EXAMPLES = '40';
const EXAMPLES = '200';

/** As in production: `startServices` switches the cache off for other tests. */
const SETTINGS = { STATS_CACHE_TTL_SECONDS: '5' };

await runCommand({
  help: HELP,
  options: {
    short: { type: 'boolean', default: false },
    examples: { type: 'string' },
    seed: { type: 'string' },
  },
  run: async ({ values }, { print }) => {
    const { short, examples = short ? SHORT_EXAMPLES : EXAMPLES, seed } = values;
    const program = await installSchemathesis(process.env, print);
    return withServices(async ({ ingestion, reporting }) => {
      let exitCode = 0;
      for (const [name, { url }] of Object.entries({ ingestion, reporting })) {
        print(`\n${name}: ${url}/openapi.json`);
        exitCode = Math.max(exitCode, await runSchemathesis({ program, url, examples, seed }));
      }
      return exitCode;
    });
  },
});

/** Runs the services on a Redis and a MongoDB of their own, and ends all of them. */
async function withServices(use: (services: Services) => Promise<number>): Promise<number> {
  const servers = await startTestServers();
  const closings: (() => unknown)[] = [() => servers.stop()];
  try {
    const services = await startServices(
      {
        REDIS_HOST: '127.0.0.1',
        REDIS_PORT: servers.redis.port,
        QUEUE_NAME: 'eventQueue',
        QUEUE_PREFIX: 'schemathesis',
        MONGO_URI: `mongodb://127.0.0.1:${servers.mongo.port}/schemathesis`,
        register: (close) => void closings.push(close),
      },
      SETTINGS,
    );
    await waitUntilReady(services);
    return await use(services);
  } finally {
    for (const close of closings.reverse()) {
      await close();
    }
  }
}
