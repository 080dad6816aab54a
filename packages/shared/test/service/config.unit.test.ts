import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { redisSettings } from '../../src/redis/redisSettings.ts';
import {
  mongoSettings,
  parseSettings,
  portSetting,
  readConfig,
  readEnvironment,
  readVersion,
  SettingsError,
} from '../../src/service/config.ts';

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

function readAll(processEnv: NodeJS.ProcessEnv) {
  return readEnvironment({ processEnv, within, aliasPrefix: 'INGESTION' });
}

const read = (processEnv: NodeJS.ProcessEnv) => readAll(processEnv).environment;

test("the environment overrides the service's .env, which overrides the root .env", () => {
  writeFileSync(join(root, '.env'), 'A=root\nB=root\nC=root');
  writeFileSync(join(root, 'service', '.env'), 'A=service\nB=service');

  expect(read({ A: 'environment' })).toEqual({ A: 'environment', B: 'service', C: 'root' });
});

test('the version is that of the nearest package.json, if it has one', () => {
  expect(readVersion(within)).toBe('unknown');
  writeFileSync(join(root, 'service', 'package.json'), '{"version":"1.2.3"}');

  expect(readVersion(within)).toBe('1.2.3');
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

test.each(['PORT', 'OPERATIONS_PORT'])(
  '%s in the root .env is refused, because it would apply to every service',
  (name) => {
    writeFileSync(join(root, '.env'), `${name}=3000`);

    expect(() => read({})).toThrow(
      `${name} in ${join(root, '.env')} would give every service the same port. Set INGESTION_${name}, PROCESSOR_${name} and REPORTING_${name} there.`,
    );
  },
);

test('the port of health and metrics has an alias, as the port has', () => {
  writeFileSync(join(root, '.env'), 'INGESTION_OPERATIONS_PORT=1\nREPORTING_OPERATIONS_PORT=2');

  expect(read({})['OPERATIONS_PORT']).toBe('1');
  expect(read({ OPERATIONS_PORT: '3' })['OPERATIONS_PORT']).toBe('3');
});

/** Each line of the root's `.env`, what its value is read as, and whether a warning names the line. */
const envLines: [line: string, value: string, isWarned: boolean][] = [
  ['REDIS_PASSWORD=se#same', 'se', true],
  ['REDIS_PASSWORD=se #same', 'se', true],
  ['REDIS_PASSWORD=se # same', 'se', true],
  ['REDIS_PASSWORD=#sesame', '', true],
  ['export REDIS_PASSWORD = se#same', 'se', true],
  ['REDIS_PASSWORD="se#same', '"se', true],
  ["REDIS_PASSWORD='se#same' # and a comment", 'se#same', false],
  ['REDIS_PASSWORD="se\n#same"', 'se\n#same', false],
  ['REDIS_PASSWORD=sesame\n# a comment', 'sesame', false],
  ['#REDIS_PASSWORD=se#same', '', false],
  ['LOG_LEVEL=info # a comment', 'info', false],
  ['LOG_LEVEL=in#fo', 'in', true],
];

test.each(envLines)('%j in .env is parsed as %j; warnings: %j', (line, value, isWarned) => {
  const file = join(root, '.env');
  writeFileSync(file, `FIRST=1\n\n${line}\nLAST='#'\n`);
  const [, name = ''] = /(\w+)\s*=/.exec(line) ?? [];

  const { environment, warnings } = readAll({});

  expect([environment['FIRST'], environment[name] ?? '', environment['LAST']]).toEqual(['1', value, '#']);
  expect(warnings).toEqual(
    isWarned
      ? [
          `Line 3 of ${file}: ${name} ends before the #, because its value has no quotes. If the # belongs to the value, write ${name}='…'; if it begins a comment, put that on a line of its own.`,
        ]
      : [],
  );
});

test('an invalid setting that a # cut off is reported with its line', () => {
  writeFileSync(join(root, '.env'), 'REDIS_URL=redis://:p#ss@redis.internal');
  const parse = (environment: Record<string, string>) => parseSettings(z.object(redisSettings), environment);

  expect(() => readConfig(parse, { processEnv: {}, within })).toThrow(
    /REDIS_URL must be redis\[s\]:[\s\S]*Line 1 of .*: REDIS_URL ends before the #/,
  );
});

test('the port of Redis from Kubernetes is used, unless a setting names another', () => {
  const link = { REDIS_PORT: 'tcp://10.96.0.12:6380' };
  const withLink = readAll(link);
  writeFileSync(join(root, '.env'), 'REDIS_PORT=6381');

  expect(withLink).toEqual({ environment: { REDIS_PORT: '6380' }, warnings: [] });
  expect(read(link)).toEqual({ REDIS_PORT: '6381' });
});

test.each(['PORT', 'INGESTION_PORT', 'INGESTION_OPERATIONS_PORT'])(
  'a %s from Kubernetes is not used as the port to listen on',
  (name) => {
    writeFileSync(join(root, '.env'), 'INGESTION_PORT=3001');

    const { environment, warnings } = readAll({ [name]: 'tcp://10.96.0.13:80' });

    expect(environment['PORT']).toBe('3001');
    expect(warnings).toEqual([
      `${name} is the address of a Kubernetes service and not a port to listen on, so it is not used. Set it to a number, or enableServiceLinks to false in the pod.`,
    ]);
  },
);

const redisSources: [string, { root?: string; env?: NodeJS.ProcessEnv }, Record<string, string>, string[]][] =
  [
    [
      'the URL of the environment over the host of a file',
      { root: 'REDIS_HOST=file\nREDIS_PASSWORD=sesame', env: { REDIS_URL: 'redis://env' } },
      { REDIS_URL: 'redis://env', REDIS_PASSWORD: 'sesame' },
      [],
    ],
    [
      'the host of the environment over the URL of a file',
      { root: 'REDIS_URL=redis://file', env: { REDIS_HOST: 'env' } },
      { REDIS_HOST: 'env' },
      [],
    ],
    [
      'the URL over the host within one source, with a warning',
      { env: { REDIS_URL: 'redis://env', REDIS_HOST: 'other' } },
      { REDIS_URL: 'redis://env', REDIS_HOST: 'other' },
      ['REDIS_URL is set, so REDIS_HOST has no effect.'],
    ],
  ];

test.each(redisSources)('Redis is %s', (_name, { root: rootEnv = '', env = {} }, environment, warnings) => {
  writeFileSync(join(root, '.env'), rootEnv);

  expect(readAll(env)).toEqual({ environment, warnings });
});

const schema = z.object({ PORT: portSetting(3000), ...redisSettings, ...mongoSettings });

test('missing settings have the defaults of the design', () => {
  expect(parseSettings(schema, {})).toEqual({
    PORT: 3000,
    REDIS_HOST: '127.0.0.1',
    REDIS_PORT: 6379,
    MONGO_URI: 'mongodb://127.0.0.1:27017/analytics',
  });
});

test('every invalid setting is named with its allowed values', () => {
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
