import { createHealthRouter } from '@analytics/shared/health';
import express from 'express';
import request from 'supertest';
import { expect, test } from 'vitest';

const checks = {
  redis: async () => 'PONG',
  mongodb: () => Promise.reject(new Error('not connected yet')),
  silent: () => new Promise(() => {}),
};

function ask(path: string, names: (keyof typeof checks)[]) {
  const chosen = Object.fromEntries(names.map((name) => [name, checks[name]]));
  return request(express().use(createHealthRouter(chosen))).get(path);
}

function readLines(text: string) {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

test('a process is alive whatever its dependencies do', async () => {
  const response = await ask('/livez', ['mongodb']);

  expect([response.status, response.body]).toEqual([200, { status: 'up' }]);
});

test('a service is ready when every dependency answers', async () => {
  const response = await ask('/readyz', ['redis']);

  expect(response.status).toBe(200);
  expect(readLines(response.text)).toEqual([
    { dependency: 'redis', status: 'up', duration_ms: expect.any(Number) },
  ]);
});

test('a service is not ready while a dependency fails or is silent, and says which and why', async () => {
  const response = await ask('/readyz', ['redis', 'mongodb', 'silent']);

  expect(response.status).toBe(503);
  expect(readLines(response.text)).toEqual([
    { dependency: 'redis', status: 'up', duration_ms: expect.any(Number) },
    { dependency: 'mongodb', status: 'down', duration_ms: expect.any(Number), reason: 'not connected yet' },
    {
      dependency: 'silent',
      status: 'down',
      duration_ms: expect.any(Number),
      reason: 'no answer within 1000 ms',
    },
  ]);
});
