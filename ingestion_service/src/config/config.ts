import { durabilitySettings } from '@analytics/shared/redis/redisDurability';
import { redisSettings } from '@analytics/shared/redis/redisSettings';
import {
  accessSettings,
  limitSetting,
  proxySettings,
  withAuthMode,
} from '@analytics/shared/service/accessSettings';
import {
  type Environment,
  logLevelSetting,
  parseSettings,
  queueSettings,
  serverSettings,
  wholeNumberSetting,
} from '@analytics/shared/service/config';
import { z } from 'zod';

/** An event before 1970 is refused everywhere, and a day after today would refuse every event. */
const minDateSetting = z.iso
  .date({ error: 'must be a day of the calendar as YYYY-MM-DD', abort: true })
  .refine((day) => {
    const ms = Date.parse(day);
    return ms >= 0 && ms <= Date.now();
  }, 'must not lie before 1970-01-01 or in the future')
  .default('2000-01-01');

const schema = z.object({
  ...serverSettings(3000, 'INGESTION'),
  ...redisSettings,
  ...queueSettings,
  ...durabilitySettings,
  ...accessSettings,
  ...proxySettings,
  EVENTS_PER_MINUTE_AND_KEY: limitSetting,
  EVENTS_PER_MINUTE_AND_SITE: limitSetting,
  REQUESTS_PER_MINUTE_AND_ADDRESS: limitSetting,
  QUEUE_MAX_WAITING_EVENTS: wholeNumberSetting({ min: 1, max: 1_000_000_000, default: 1_000_000 }),
  QUEUE_MAX_BYTES: wholeNumberSetting({ min: 0, max: 999_999_999_999_999, default: 0 }),
  REDIS_MAX_MEMORY_PERCENT: wholeNumberSetting({ min: 1, max: 100, default: 80 }),
  EVENT_MIN_DATE: minDateSetting,
  EVENT_MAX_FUTURE_HOURS: wholeNumberSetting({ min: 0, max: 8760, default: 24 }),
  LOG_LEVEL: logLevelSetting,
});

export type Config = z.infer<typeof schema>;

/** @throws SettingsError naming every setting that can't be used. */
export function parseConfig(environment: Environment): Config {
  return parseSettings(schema, withAuthMode(environment));
}
