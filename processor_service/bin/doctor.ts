import { openRollupCollections } from '@analytics/rollups/documents';
import { withTimeout } from '@analytics/shared/async/withTimeout';
import { openEventQueue } from '@analytics/shared/event/eventQueue';
import { closeMongo, createMongoConnection, describeMongo } from '@analytics/shared/mongo/mongo';
import { closeRedis, createRequestRedis } from '@analytics/shared/redis/redis';
import { createRedisProbe } from '@analytics/shared/redis/redisProbe';
import {
  type Environment,
  parseSettings,
  portSetting,
  readConfig,
  wholeNumberSetting,
} from '@analytics/shared/service/config';
import { runCommand } from '@analytics/shared/service/runCommand';
import { z } from 'zod';
import { type Config, parseConfig } from '../src/config/config.ts';
import { connectDatabase } from '../src/config/db.ts';
import { listCollections } from '../src/database/createCollections.ts';
import { describeFindings, type Finding, failure, findWorst, ok, runChecks } from '../src/doctor/findings.ts';
import { listMongoChecks } from '../src/doctor/mongoChecks.ts';
import { listNodeChecks } from '../src/doctor/nodeChecks.ts';
import { listQueueChecks } from '../src/doctor/queueChecks.ts';
import { checkRedisReachable, listRedisChecks } from '../src/doctor/redisChecks.ts';
import { listServiceChecks } from '../src/doctor/serviceChecks.ts';
import { createDeadLetterModel } from '../src/models/DeadLetter.model.ts';
import { createEventModel } from '../src/models/Event.model.ts';
import { CONNECT_TIMEOUT_MS } from './withDatabase.ts';

const HELP = `npm run doctor [-- options]

Checks Redis, MongoDB, the queue, the rollups, the clocks and the three services, and says what to do about each warning
and each failure. It changes nothing. Redis, MongoDB and the ports are those of the settings.

  --ingestion URL   where ingestion_service answers /readyz (http://127.0.0.1:INGESTION_PORT)
  --processor URL   the same of processor_service
  --reporting URL   the same of reporting_service
  --json            prints one JSON document: {status, findings: [{check, status, message, advice?}]}

Exits with 1 if there is a failure, and with 0 otherwise, also with warnings.
`;

const settings = z.object({
  INGESTION_PORT: portSetting(3000),
  PROCESSOR_PORT: portSetting(5001),
  REPORTING_PORT: portSetting(4000),
  INGESTION_OPERATIONS_PORT: portSetting(0),
  PROCESSOR_OPERATIONS_PORT: portSetting(0),
  REPORTING_OPERATIONS_PORT: portSetting(0),
  REDIS_MAX_MEMORY_PERCENT: wholeNumberSetting({ min: 1, max: 100, default: 80 }),
});

const EXIT_DELAY_MS = 100;

type DoctorConfig = Config & z.output<typeof settings>;

await runCommand({
  help: HELP,
  options: {
    ingestion: { type: 'string' },
    processor: { type: 'string' },
    reporting: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
  run: async ({ values }, { print }) => {
    const { config, warnings } = readConfig(parseDoctorConfig, {
      processEnv: process.env,
      within: import.meta.dirname,
    });
    const groups = await Promise.all([
      runChecks(listNodeChecks(process.versions, Date.now())),
      examineRedis(config),
      examineMongo(config),
      runChecks(listServiceChecks(listServices(config, values))),
    ]);
    const findings: Finding[] = [
      ...warnings.map((message) => ({ check: 'Settings', status: 'warning' as const, message })),
      ...groups.flat(),
    ];
    const status = findWorst(findings);
    print(
      values.json ? JSON.stringify({ status, findings }, null, 2) : describeFindings(findings).join('\n'),
    );
    return status === 'failure' ? 1 : 0;
  },
});

// A connection that is being opened to a server that hangs would keep the process for half a minute.
setTimeout(() => process.exit(), EXIT_DELAY_MS).unref();

function parseDoctorConfig(environment: Environment): DoctorConfig {
  return { ...parseConfig(environment), ...parseSettings(settings, environment) };
}

function listServices(
  config: DoctorConfig,
  given: { ingestion?: string | undefined; processor?: string | undefined; reporting?: string | undefined },
) {
  return (['ingestion', 'processor', 'reporting'] as const).map((service) => {
    const prefix = service.toUpperCase() as 'INGESTION' | 'PROCESSOR' | 'REPORTING';
    const port = config[`${prefix}_OPERATIONS_PORT`] || config[`${prefix}_PORT`];
    return {
      name: `${service}_service`,
      url: given[service] ?? `http://127.0.0.1:${port}`,
      option: `--${service}`,
    };
  });
}

async function examineRedis(config: DoctorConfig): Promise<Finding[]> {
  const { QUEUE_NAME, QUEUE_PREFIX, REDIS_DURABILITY, REDIS_MAX_MEMORY_PERCENT } = config;
  const redis = createRequestRedis(config);
  try {
    const probe = createRedisProbe(redis, `${QUEUE_PREFIX}:${QUEUE_NAME}`);
    const reachable = await runChecks([
      checkRedisReachable(config, () => withTimeout(probe(), CONNECT_TIMEOUT_MS / 2)),
    ]);
    if (findWorst(reachable) === 'failure') {
      return reachable;
    }
    const queue = openEventQueue(redis, { queueName: QUEUE_NAME, queuePrefix: QUEUE_PREFIX });
    const others = await runChecks([
      ...listRedisChecks(redis, REDIS_DURABILITY === 'strict', REDIS_MAX_MEMORY_PERCENT),
      ...listQueueChecks(redis, queue),
    ]);
    return [...reachable, ...others];
  } finally {
    await closeRedis(redis);
  }
}

async function examineMongo(config: DoctorConfig): Promise<Finding[]> {
  const check = 'MongoDB';
  const advice = 'Start MongoDB, or correct MONGO_URI. Until then, events wait in the queue.';
  const connection = createMongoConnection();
  try {
    const Event = createEventModel(connection);
    const DeadLetter = createDeadLetterModel(connection);
    const error = await connectDatabase(connection, config, AbortSignal.timeout(CONNECT_TIMEOUT_MS)).catch(
      (cause: Error) => cause,
    );
    const { db } = connection;
    const name = describeMongo(config.MONGO_URI);
    if (error || !db) {
      const reason = error?.message ?? 'it is not connected';
      return [{ check, ...failure(`${name} can't be used: ${reason}`, advice) }];
    }
    const others = await runChecks(
      listMongoChecks(db, listCollections([Event, DeadLetter]), openRollupCollections(db)),
    );
    return [{ check, ...ok(`${name} answers`) }, ...others];
  } finally {
    await closeMongo(connection);
  }
}
