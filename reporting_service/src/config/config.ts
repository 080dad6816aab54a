import {
  accessSettings,
  limitSetting,
  proxySettings,
  withAuthMode,
} from '@analytics/shared/service/accessSettings';
import {
  type Environment,
  logLevelSetting,
  mongoSettings,
  parseSettings,
  serverSettings,
  wholeNumberSetting,
} from '@analytics/shared/service/config';
import { z } from 'zod';

const schema = z.object({
  ...serverSettings(4000, 'REPORTING'),
  ...mongoSettings,
  ...accessSettings,
  ...proxySettings,
  REPORTS_PER_MINUTE_AND_KEY: limitSetting,
  REPORTS_PER_MINUTE_AND_ADDRESS: limitSetting,
  STATS_TOP_PATHS: wholeNumberSetting({ min: 1, max: 1000, default: 10 }),
  STATS_TIMEOUT_SECONDS: wholeNumberSetting({ min: 1, max: 600, default: 30 }),
  STATS_MAX_CONCURRENT: wholeNumberSetting({ min: 1, max: 1000, default: 8 }),
  // The invalidation of a late event lasts a minute at least; no answer may be cached for longer.
  STATS_CACHE_TTL_SECONDS: wholeNumberSetting({ min: 0, max: 30, default: 5 }),
  STATS_CACHE_MAX_BYTES: wholeNumberSetting({ min: 0, max: 1_073_741_824, default: 33_554_432 }),
  LOG_LEVEL: logLevelSetting,
});

export type Config = z.infer<typeof schema>;

/** @throws SettingsError naming every setting that can't be used. */
export function parseConfig(environment: Environment): Config {
  return parseSettings(schema, withAuthMode(environment));
}
