import { durabilitySettings } from '@analytics/shared/redis/redisDurability';
import { redisSettings } from '@analytics/shared/redis/redisSettings';
import {
  type Environment,
  logLevelSetting,
  mongoSettings,
  parseSettings,
  queueSettings,
  serverSettings,
  wholeNumberSetting,
} from '@analytics/shared/service/config';
import { z } from 'zod';

const schema = z.object({
  ...serverSettings(5001, 'PROCESSOR'),
  ...redisSettings,
  ...queueSettings,
  ...durabilitySettings,
  ...mongoSettings,
  WORKER_CONCURRENCY: wholeNumberSetting({ min: 1, max: 1000, default: 100 }),
  RETENTION_HOUR: wholeNumberSetting({ min: 0, max: 23, default: 3 }),
  LOG_LEVEL: logLevelSetting,
});

export type Config = z.infer<typeof schema>;

/** @throws SettingsError naming every setting that can't be used. */
export function parseConfig(environment: Environment): Config {
  return parseSettings(schema, environment);
}
