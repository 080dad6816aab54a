import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'dotenv';
import { expect, test } from 'vitest';
import { parseConfig as parseIngestionConfig } from '../../../../ingestion_service/src/config/config.ts';
import { parseConfig as parseProcessorConfig } from '../../../../processor_service/src/config/config.ts';
import { parseConfig as parseReportingConfig } from '../../../../reporting_service/src/config/config.ts';

const example = Object.fromEntries(
  Object.entries(
    parse(
      readFileSync(join(import.meta.dirname, '../../../../.env.example'), 'utf8').replace(
        /^# (?=[A-Z_]+=)/gm,
        '',
      ),
    ),
  ).filter(([, value]) => value),
);

const services = [
  ['ingestion_service', parseIngestionConfig, 'INGESTION'],
  ['processor_service', parseProcessorConfig, 'PROCESSOR'],
  ['reporting_service', parseReportingConfig, 'REPORTING'],
] as const;

test.each(services)(
  '.env.example shows every setting of %s with its default',
  (_name, parseConfig, aliasPrefix) => {
    const defaults = parseConfig({});
    const own = Object.fromEntries(
      ['PORT', 'OPERATIONS_PORT'].map((name) => [name, example[`${aliasPrefix}_${name}`] ?? 'not shown']),
    );
    const named = new Set(Object.keys({ ...example, ...own }));

    expect(parseConfig({ ...example, ...own })).toEqual(defaults);
    expect(Object.keys(defaults).filter((name) => !named.has(name))).toEqual([]);
  },
);

test.each([
  ['2000-02-30', 'must be a day of the calendar as YYYY-MM-DD'],
  ['2000-01-01T00:00:00Z', 'must be a day of the calendar as YYYY-MM-DD'],
  ['1969-12-31', 'must not lie before 1970-01-01 or in the future'],
  ['2999-01-01', 'must not lie before 1970-01-01 or in the future'],
])('EVENT_MIN_DATE=%s is refused with the allowed values', (EVENT_MIN_DATE, message) => {
  expect(() => parseIngestionConfig({ EVENT_MIN_DATE })).toThrow(`\n  EVENT_MIN_DATE ${message}\n`);
});

test.each([
  ['ingestion_service', parseIngestionConfig],
  ['reporting_service', parseReportingConfig],
])('%s needs a decision about AUTH_MODE in production, and has none elsewhere', (_name, parseConfig) => {
  const production = { NODE_ENV: 'production' };

  expect(() => parseConfig(production)).toThrow('AUTH_MODE must be set with NODE_ENV=production: keys, ');
  expect(() => parseConfig({ AUTH_MODE: 'none' })).toThrow('AUTH_MODE must be open or keys');
  expect(parseConfig({ ...production, AUTH_MODE: 'keys' }).AUTH_MODE).toBe('keys');
  expect(parseConfig({ NODE_ENV: 'development' }).AUTH_MODE).toBe('open');
});

test.each([
  ['0', 0],
  ['2', 2],
  ['10.0.0.0/8, 2001:db8::/32,192.0.2.1', ['10.0.0.0/8', '2001:db8::/32', '192.0.2.1']],
])('TRUST_PROXY=%s is %j', (TRUST_PROXY, expected) => {
  expect(parseIngestionConfig({ TRUST_PROXY }).TRUST_PROXY).toEqual(expected);
});

test.each(['-1', '101', 'true', 'all', '10.0.0.0/33', '10.0.0.0/8/8', 'example.com', ',', '2001:db8::/129'])(
  'TRUST_PROXY=%s is refused',
  (TRUST_PROXY) => {
    expect(() => parseIngestionConfig({ TRUST_PROXY })).toThrow('TRUST_PROXY must be a number of proxies');
  },
);
