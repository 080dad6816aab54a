import express from 'express';
import request from 'supertest';
import { expect, test } from 'vitest';
import { createHealthRouter, type HealthCheck } from '../../src/http/health.ts';

const checks: Record<string, HealthCheck> = {
  redis: () => ({ status: 'up', warnings: ['its append-only file is off'] }),
  mongodb: () => ({ status: 'down', reason: 'connect ECONNREFUSED 127.0.0.1:27017' }),
};

function ask(path: string, chosen: Record<string, HealthCheck>) {
  return request(express().use(createHealthRouter(chosen))).get(path);
}

function readLines(text: string) {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

test('/livez does not depend on the dependencies', async () => {
  const response = await ask('/livez', checks);

  expect([response.status, response.body]).toEqual([200, { status: 'up' }]);
});

test('a service is ready when every dependency is up, with or without a warning', async () => {
  const { redis } = checks;
  const response = await ask('/readyz', { redis: redis as HealthCheck });

  expect(response.status).toBe(200);
  expect(readLines(response.text)).toEqual([
    { dependency: 'redis', status: 'up', warnings: ['its append-only file is off'] },
  ]);
});

test('a service is not ready while a dependency is down, and names it and the reason', async () => {
  const response = await ask('/readyz', checks);

  expect(response.status).toBe(503);
  expect(readLines(response.text)).toEqual([
    { dependency: 'redis', status: 'up', warnings: ['its append-only file is off'] },
    { dependency: 'mongodb', status: 'down', reason: 'connect ECONNREFUSED 127.0.0.1:27017' },
  ]);
});
