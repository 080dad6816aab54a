import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import request from 'supertest';
import { expect, test } from 'vitest';
import { startApp } from './startApp.ts';

const { app } = await startApp(useTestStack());

const invalidQueries: [name: string, query: string, fields: string[]][] = [
  ['no site_id', '', ['site_id']],
  ['an empty site_id', 'site_id=', ['site_id']],
  ['a site_id given twice', 'site_id=a&site_id=b', ['site_id']],
  ['an operator on site_id', 'site_id[$ne]=', ['site_id', 'site_id[$ne]']],
  ['an operator beside site_id', 'site_id=a&site_id[$ne]=', ['site_id[$ne]']],
  ['a site_id that is too long', `site_id=${'s'.repeat(129)}`, ['site_id']],
  ['a 30th of February', 'site_id=a&date=2025-02-30', ['date']],
  ['a date without leading zeros', 'site_id=a&date=2025-1-1', ['date']],
  ['a word for a date', 'site_id=a&date=tomorrow', ['date']],
  ['an empty date', 'site_id=a&date=', ['date']],
  ['a date with a time', 'site_id=a&date=2025-11-12T00:00:00Z', ['date']],
  ['a date given twice', 'site_id=a&date=2025-11-12&date=2025-11-13', ['date']],
  ['an operator on date', 'site_id=a&date[$gt]=2025-11-12', ['date[$gt]']],
  ['a date beside a period', 'site_id=a&date=2025-11-12&period=7d', ['period']],
  ['a date beside a range', 'site_id=a&date=2025-11-12&from=2025-11-12&to=2025-11-13', ['period']],
  ['from without to', 'site_id=a&from=2025-11-12', ['to']],
  ['to without from', 'site_id=a&to=2025-11-12', ['from']],
  ['an end before the beginning', 'site_id=a&from=2025-11-12&to=2025-11-11', ['to']],
  ['a range of more than ten years', 'site_id=a&from=2015-01-01&to=2025-01-02', ['to']],
  ['a period that there is not', 'site_id=a&period=14d', ['period']],
  ['a zone that there is not', 'site_id=a&period=7d&tz=Mars/Olympus', ['tz']],
  ['a zone of three letters that only ICU knows', 'site_id=a&period=7d&tz=PST', ['tz']],
  ['the same in small letters', 'site_id=a&tz=ist', ['tz']],
  ['an offset for a zone', 'site_id=a&period=7d&tz=%2B05:30', ['tz']],
  ['code for a zone', "site_id=a&period=7d&tz=UTC'||sleep(1)||'", ['tz']],
  ['an empty filter', 'site_id=a&path=', ['path']],
  ['a filter given twice', 'site_id=a&path=/a&path=/b', ['path']],
  ['a parameter that is misspelt', 'site_id=a&day=2025-11-12', ['day']],
  ['__proto__ as a parameter', 'site_id=a&__proto__=x', ['__proto__']],
];

test.each(invalidQueries)('%s is refused with 400 that names the parameter', async (_name, query, fields) => {
  const response = await request(app).get(`/stats?${query}`);

  expect([response.status, response.type]).toEqual([400, 'application/problem+json']);
  expect(JSON.parse(response.text)).toEqual({
    type: 'about:blank',
    title: 'Bad Request',
    status: 400,
    detail: expect.stringContaining(fields[0] ?? ''),
    errors: fields.map((field) => ({ field, message: expect.any(String) })),
  });
  expect((await request(app).get('/stats?site_id=a')).status).toBe(200);
});

const invalidRequests: [name: string, send: () => request.Test, status: number, headers: object][] = [
  ['POST /stats', () => request(app).post('/stats'), 405, { allow: 'GET, HEAD' }],
  ['DELETE /stats', () => request(app).delete('/stats?site_id=a'), 405, { allow: 'GET, HEAD' }],
  ['an unknown route', () => request(app).get('/statistics'), 404, {}],
];

test.each(invalidRequests)('%s is refused', async (_name, send, status, headers) => {
  const response = await send();

  expect([response.status, response.type]).toEqual([status, 'application/problem+json']);
  expect(response.headers).toMatchObject(headers);
});
