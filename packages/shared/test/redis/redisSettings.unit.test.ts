import { expect, test } from 'vitest';
import { z } from 'zod';
import { describeRedis } from '../../src/redis/redis.ts';
import { findRedisAddress, redisSettings } from '../../src/redis/redisSettings.ts';
import { parseSettings } from '../../src/service/config.ts';

const parse = (environment: Record<string, string>) => parseSettings(z.object(redisSettings), environment);

const addresses: [name: string, environment: Record<string, string>, address: object][] = [
  [
    'the individual settings',
    { REDIS_HOST: 'a', REDIS_PORT: '1', REDIS_PASSWORD: 'p' },
    { host: 'a', port: 1, password: 'p', db: 0, isTls: false },
  ],
  [
    'a whole URL, with its user and password decoded',
    { REDIS_URL: 'rediss://m%40e:p%2F%23%25@redis.example.com:6380/3' },
    { host: 'redis.example.com', port: 6380, username: 'm@e', password: 'p/#%', db: 3, isTls: true },
  ],
  ['a short URL', { REDIS_URL: 'redis://a' }, { host: 'a', port: 6379, db: 0, isTls: false }],
  ['a URL with a slash', { REDIS_URL: 'redis://a/' }, { host: 'a', port: 6379, db: 0, isTls: false }],
  [
    'a URL of an IPv6 address',
    { REDIS_URL: 'redis://[::1]:6380' },
    { host: '::1', port: 6380, db: 0, isTls: false },
  ],
  [
    'a URL without a user',
    { REDIS_URL: 'redis://:p@a' },
    { host: 'a', port: 6379, password: 'p', db: 0, isTls: false },
  ],
  [
    'the URL over host and port, and REDIS_PASSWORD where the URL has none',
    { REDIS_URL: 'redis://me@a', REDIS_HOST: 'b', REDIS_PORT: '1', REDIS_PASSWORD: 'p' },
    { host: 'a', port: 6379, username: 'me', password: 'p', db: 0, isTls: false },
  ],
  [
    'the password of the URL over REDIS_PASSWORD',
    { REDIS_URL: 'redis://:p@a', REDIS_PASSWORD: 'q' },
    { host: 'a', port: 6379, password: 'p', db: 0, isTls: false },
  ],
];

test.each(addresses)('the address comes from %s', (_name, environment, address) => {
  expect(findRedisAddress(parse(environment))).toEqual(address);
});

test.each([
  'sesame',
  'http://sesame@a',
  'redis://',
  'redis://a:sesame',
  'redis://me:sesame@a:99999',
  'redis://me:sesame@a/first',
  'redis://me:sesame@a?family=6',
  'redis://me:sesame@a#1',
  'redis://me:sesame%@a',
])('%s is not a REDIS_URL, and no part of it is logged', (REDIS_URL) => {
  const parsing = () => parse({ REDIS_URL });

  expect(parsing).toThrow(/REDIS_URL must be redis\[s\]:\/\/\[user:password@\]host\[:port\]\[\/database\]/);
  expect(parsing).not.toThrow(/sesame/);
});

test('the description of a server contains no user and password', () => {
  expect(describeRedis(parse({ REDIS_URL: 'rediss://me:sesame@a/1' }))).toBe('Redis at a:6379');
});
