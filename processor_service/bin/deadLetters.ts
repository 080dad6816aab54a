import { withTimeout } from '@analytics/shared/async/withTimeout';
import { openEventQueue } from '@analytics/shared/event/eventQueue';
import { createRequestRedis, createWorkerRedis, describeRedis } from '@analytics/shared/redis/redis';
import { createRedisProbe } from '@analytics/shared/redis/redisProbe';
import { type CommandOutput, runCommand } from '@analytics/shared/service/runCommand';
import { createDeadLetterCommands, type DeadLetterCommands } from '../src/deadLetters/deadLetterCommands.ts';
import { readTime } from '../src/deadLetters/deadLetterFilter.ts';
import { createDeadLetterStore } from '../src/deadLetters/deadLetterStore.ts';
import {
  createOversizeJobCommands,
  type OversizeJobCommands,
} from '../src/deadLetters/oversizeJobCommands.ts';
import { createDeadLetterModel } from '../src/models/DeadLetter.model.ts';
import { confirm } from './confirm.ts';
import { CONNECT_TIMEOUT_MS, withDatabase } from './withDatabase.ts';

const HELP = `npm run dead-letters -- <command> [options]

Dead letters are events that were accepted and can't be stored. They stay until a person decides.

  list      the newest letters, a line each: id, when it last failed, site, attempts, reason
  show ID   one letter whole
  replay    puts letters back into the queue
  purge     deletes letters for good

A job of more than 16 MiB is not read. It stays among the failed jobs of the queue; only foreign producers add such jobs.

  oversize    these jobs, a line each: id, when it was queued, name, size
  split ID    puts the events of such a job into jobs that can be read, and what is no event into the dead letters
  discard ID  deletes such a job for good, with all that is in it

replay and purge act on exactly the letters that they counted. A letter that arrives or fails again while you decide stays.

  --site ID       only of this site
  --reason TEXT   only where the reason contains this text
  --since TIME    only what last failed at this time or later (ISO 8601, such as 2025-11-12T00:00:00Z; without a zone, UTC)
  --until TIME    only what last failed before this time
  --limit N       only the newest N letters (list: 20; replay and purge: all)
  --yes           replay, purge, split and discard without asking; needed where nobody can be asked

Redis and MongoDB are those of the settings of processor_service.
`;

const LIST_LIMIT = 20;

await runCommand({
  help: HELP,
  options: {
    site: { type: 'string' },
    reason: { type: 'string' },
    since: { type: 'string' },
    until: { type: 'string' },
    limit: { type: 'string' },
    yes: { type: 'boolean', default: false },
  },
  needsSubcommand: true,
  run: async ({ values, positionals: [command = '', id = ''] }, output) => {
    const { site, reason, yes } = values;
    const selection = { site, reason, since: readTime(values.since), until: readTime(values.until) };
    const limit = readLimit(values.limit);
    return withCommands(output, yes, async (commands) => {
      switch (command) {
        case 'list':
          await commands.list(selection, limit ?? LIST_LIMIT);
          return 0;
        case 'show':
          return (await commands.show(id)) ? 0 : 1;
        case 'replay':
          await commands.replay(selection, limit);
          return 0;
        case 'purge':
          await commands.purge(selection, limit);
          return 0;
        case 'oversize':
          await commands.listOversize();
          return 0;
        case 'split':
          return (await commands.split(id)) ? 0 : 1;
        case 'discard':
          return (await commands.discard(id)) ? 0 : 1;
        default:
          throw new Error(`There is no command ${command}. See npm run dead-letters -- --help`);
      }
    });
  },
});

/** Opens Redis and MongoDB for a command, and closes them afterwards. */
function withCommands(
  { print, showProgress }: CommandOutput,
  isSure: boolean,
  work: (commands: DeadLetterCommands & OversizeJobCommands) => Promise<number>,
): Promise<number> {
  return withDatabase(async ({ config, connection }) => {
    const DeadLetter = createDeadLetterModel(connection);
    const terminal = {
      print,
      showProgress,
      confirm: (question: string) => confirm(question, isSure),
    };
    // The command prints its result; log lines would repeat it.
    const deadLetters = createDeadLetterStore(DeadLetter, { warn: () => {} });
    const redis = createRequestRedis(config);
    const probe = createRedisProbe(redis, `${config.QUEUE_PREFIX}:${config.QUEUE_NAME}`);
    // A job may be of any size, so its commands have no time limit.
    const patientRedis = createWorkerRedis(config);
    const openQueue = async () => {
      await withTimeout(probe(), CONNECT_TIMEOUT_MS).catch((cause: Error) => {
        throw new Error(`${describeRedis(config)} can't be used: ${cause.message}`, { cause });
      });
      // Not before: BullMQ writes at once, and a Redis that rejects the write loses the connection of the
      // probe.
      return openEventQueue(redis, { queueName: config.QUEUE_NAME, queuePrefix: config.QUEUE_PREFIX });
    };
    try {
      return await work({
        ...createDeadLetterCommands({ collection: DeadLetter.collection as never, openQueue, ...terminal }),
        ...createOversizeJobCommands({ redis: patientRedis, openQueue, deadLetters, ...terminal }),
      });
    } finally {
      redis.disconnect();
      patientRedis.disconnect();
    }
  });
}

function readLimit(text: string | undefined): number | undefined {
  const limit = text === undefined ? undefined : Number(text);
  if (limit !== undefined && (!Number.isInteger(limit) || limit < 1)) {
    throw new Error(`--limit ${text} is not a whole number from 1 on.`);
  }
  return limit;
}
