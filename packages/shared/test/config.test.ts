import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  mongoSettings,
  parseSettings,
  portSetting,
  readEnvironment,
  redisSettings,
  SettingsError,
} from '@analytics/shared/config';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';

let root: string;
let within: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'config-'));
  within = join(root, 'service', 'dist');
  mkdirSync(within, { recursive: true });
  writeFileSync(join(root, 'package.json'), '{}');
  writeFileSync(join(root, 'service', 'package.json'), '{}');
});

afterEach(() => rmSync(root, { recursive: true }));

function read(processEnv: NodeJS.ProcessEnv) {
  return readEnvironment({ processEnv, within, portAlias: 'INGESTION_PORT' });
}

test("the environment wins over the service's .env, which wins over the root .env", () => {
  writeFileSync(join(root, '.env'), 'A=root\nB=root\nC=root');
  writeFileSync(join(root, 'service', '.env'), 'A=service\nB=service');

  expect(read({ A: 'environment' })).toEqual({ A: 'environment', B: 'service', C: 'root' });
});

test('an empty setting counts as not set', () => {
  writeFileSync(join(root, '.env'), 'A=root');
  writeFileSync(join(root, 'service', '.env'), 'A=');

  expect(read({ A: '' })).toEqual({ A: 'root' });
});

const ports: [string, { root?: string; service?: string; env?: NodeJS.ProcessEnv }, string][] = [
  ['the alias of the root .env', { root: 'INGESTION_PORT=1' }, '1'],
  ["the service's own PORT over the root's alias", { root: 'INGESTION_PORT=1', service: 'PORT=2' }, '2'],
  [
    "the environment's PORT over both files",
    { root: 'INGESTION_PORT=1', service: 'PORT=2', env: { PORT: '3' } },
    '3',
  ],
  ['the alias over PORT within one source', { env: { PORT: '3', INGESTION_PORT: '4' } }, '4'],
];

test.each(ports)('the port is %s', (_name, { root: rootEnv = '', service = '', env = {} }, expected) => {
  writeFileSync(join(root, '.env'), rootEnv);
  writeFileSync(join(root, 'service', '.env'), service);

  expect(read(env)['PORT']).toBe(expected);
});

test('PORT in the root .env is refused, for it would serve every service', () => {
  writeFileSync(join(root, '.env'), 'PORT=3000');

  expect(() => read({})).toThrow(/INGESTION_PORT, PROCESSOR_PORT and REPORTING_PORT/);
});

const schema = z.object({ PORT: portSetting(3000), ...redisSettings, ...mongoSettings });

test('settings that are not there have the defaults of the original', () => {
  expect(parseSettings(schema, {})).toEqual({
    PORT: 3000,
    REDIS_HOST: '127.0.0.1',
    REDIS_PORT: 6379,
    MONGO_URI: 'mongodb://127.0.0.1:27017/analytics',
  });
});

test('every setting that is wrong is named, with what it may be', () => {
  const environment = { PORT: '70000', REDIS_PORT: '6379x', MONGO_URI: 'localhost' };

  expect(() => parseSettings(schema, environment)).toThrow(
    new SettingsError(
      "These settings can't be used:\n" +
        '  PORT must be a whole number from 0 to 65535\n' +
        '  REDIS_PORT must be a whole number from 1 to 65535\n' +
        '  MONGO_URI must begin with mongodb:// or mongodb+srv://\n' +
        'See .env.example.',
    ),
  );
});
