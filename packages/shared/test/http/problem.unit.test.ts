import type { RequestHandler } from 'express';
import request from 'supertest';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { createUnavailableError, ProblemError, toFieldErrors } from '../../src/http/problem.ts';
import { createServiceApp } from '../../src/http/serviceApp.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';

function ask(handler: RequestHandler) {
  const logged: unknown[] = [];
  const logger = { error: (fields: { err: Error }) => logged.push(fields.err.message) };
  const app = createServiceApp(
    { checks: {}, metrics: createMetrics(), logger: logger as never },
    (routes) => void routes.get('/', handler),
  );
  return { answered: request(app).get('/'), logged };
}

test('a bug is answered with a 500 without details, and is logged', async () => {
  const { answered, logged } = ask(() => {
    throw new Error('secret detail');
  });
  const response = await answered;

  expect([response.status, response.type, response.headers['x-powered-by']]).toEqual([
    500,
    'application/problem+json',
    undefined,
  ]);
  expect(JSON.parse(response.text)).toEqual({
    type: 'about:blank',
    title: 'Internal Server Error',
    status: 500,
    detail: 'Something went wrong here. It has been logged.',
  });
  expect(logged).toEqual(['secret detail']);
});

test('a rejection of an asynchronous handler is answered like a throw', async () => {
  const { answered, logged } = ask(async () => {
    await Promise.reject(new Error('later'));
  });

  expect([(await answered).status, logged]).toEqual([500, ['later']]);
});

test('a problem is answered with its text, headers and errors, and is not logged', async () => {
  const errors = [{ field: 'path', message: 'is required' }];
  const { answered, logged } = ask(() => {
    throw new ProblemError(400, 'No.', { errors, headers: { 'X-Reason': 'path' } });
  });
  const response = await answered;

  expect([response.status, response.headers['x-reason'], JSON.parse(response.text), logged]).toEqual([
    400,
    'path',
    { type: 'about:blank', title: 'Bad Request', status: 400, detail: 'No.', errors },
    [],
  ]);
});

test('an unavailable dependency is answered with 503 and Retry-After, without the cause', async () => {
  const { answered } = ask(() => {
    throw createUnavailableError('Away.', { cause: new Error('password=secret') });
  });
  const response = await answered;

  expect([response.status, response.headers['retry-after']]).toEqual([503, '2']);
  expect(response.text).not.toMatch(/secret/);
});

test('an error after the start of the response closes the connection', async () => {
  const { answered } = ask((_request, response) => {
    response.write('half');
    throw new Error('too late');
  });

  await expect(answered).rejects.toThrow();
});

test('an unknown field is named, shortened if it is long', () => {
  const { error } = z.strictObject({}).safeParse({ ['k'.repeat(100)]: 1 });

  expect(toFieldErrors(error as z.ZodError, 'body')).toEqual([
    { field: `${'k'.repeat(64)}…`, message: 'is not a known field' },
  ]);
});
