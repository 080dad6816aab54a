import {
  type Environment,
  logLevelSetting,
  parseSettings,
  portSetting,
  queueSettings,
  redisSettings,
  wholeNumberSetting,
} from '@analytics/shared/config';
import { z } from 'zod';

const schema = z.object({
  PORT: portSetting(3000),
  ...redisSettings,
  ...queueSettings,
  EVENT_MAX_FUTURE_HOURS: wholeNumberSetting({ min: 0, max: 8760, default: 24 }),
  LOG_LEVEL: logLevelSetting,
});

export type Config = z.infer<typeof schema>;

/** @throws SettingsError naming every setting that can't be used. */
export function parseConfig(environment: Environment): Config {
  return parseSettings(schema, environment);
}
