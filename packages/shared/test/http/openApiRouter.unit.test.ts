import request from 'supertest';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { addDescribedRoutes } from '../../src/http/openapi/openApiRouter.ts';
import { createServiceApp } from '../../src/http/serviceApp.ts';
import { createServiceMetrics } from '../../src/metrics/processMetrics.ts';

const metrics = createServiceMetrics({ service: 'test', version: '0.0.0' }, {});
const app = createServiceApp({ checks: {}, metrics, logger: { error: () => {} } }, (routes) =>
  addDescribedRoutes(
    routes,
    [
      {
        method: 'get',
        path: '/things/{id}',
        operationId: 'getThing',
        tag: 'Things',
        summary: 'A thing',
        description: 'Returns a thing.',
        pathParameters: z.strictObject({ id: z.string().describe('Its name.') }),
        answers: { 200: { description: 'The thing.', schema: z.strictObject({ id: z.string() }) } },
        problems: [404, 503],
        handler: (asked, response) => void response.json({ id: asked.params['id'] }),
      },
    ],
    {
      title: 'Things & <more>',
      version: '1.2.3',
      description: 'All.',
      tags: { Things: 'Any.' },
      schemas: {},
    },
  ),
);

test('a route is served and described from one entry', async () => {
  expect((await request(app).get('/things/a')).body).toEqual({ id: 'a' });
  expect((await request(app).delete('/things/a')).headers['allow']).toBe('GET, HEAD');

  const { body } = await request(app).get('/openapi.json');
  expect([body.openapi, body.info.version]).toEqual(['3.1.1', '1.2.3']);
  expect(body.components.responses.ServiceUnavailable.headers['Retry-After']).toMatchObject({
    required: true,
  });
  expect(body.paths['/things/{id}'].get).toMatchObject({
    operationId: 'getThing',
    tags: ['Things'],
    parameters: [
      { name: 'id', in: 'path', required: true, description: 'Its name.', schema: { type: 'string' } },
    ],
    responses: {
      200: { description: 'The thing.', content: { 'application/json': { schema: { type: 'object' } } } },
      404: { $ref: '#/components/responses/NotFound' },
      405: { $ref: '#/components/responses/MethodNotAllowed' },
      503: { $ref: '#/components/responses/ServiceUnavailable' },
    },
  });
});

const FILES: [path: string, type: string][] = [
  ['/openapi.json', 'application/json'],
  ['/docs', 'text/html'],
  ['/docs/page.js', 'text/javascript'],
  ['/docs/page.css', 'text/css'],
  ['/docs/swagger-ui-bundle.js', 'text/javascript'],
  ['/docs/swagger-ui.css', 'text/css'],
  ['/docs/favicon-32x32.png', 'image/png'],
];

test.each(FILES)('%s is served compressed, and again only after it has changed', async (path, type) => {
  const first = await request(app).get(path);

  expect([first.status, first.type, first.headers['content-encoding']]).toEqual([200, type, 'gzip']);
  expect(first.headers).toMatchObject({ 'cache-control': 'no-cache', vary: 'Accept-Encoding' });
  const again = await request(app).get(path).set('If-None-Match', String(first.headers['etag']));
  expect([again.status, again.text]).toEqual([304, '']);
  const plain = await request(app).get(path).set('Accept-Encoding', 'identity');
  expect([plain.headers['content-encoding'], plain.text]).toEqual([undefined, first.text]);
});

test('the page loads only from its own service, and runs no inline script', async () => {
  const page = await request(app).get('/docs');

  expect(page.text).toContain('<title>Things &amp; &lt;more></title>');
  expect(page.text).not.toMatch(/<script>|https?:|style=|\son\w+=/);
  expect(page.headers['content-security-policy']).toBe(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  );
  // Relative, for a proxy that adds a prefix.
  const files = [...page.text.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, address]) => `/${address}`);
  expect([...new Set(files)].sort()).toEqual(
    FILES.map(([path]) => path)
      .filter((path) => path !== '/docs')
      .sort(),
  );
});

test('a slash after /docs is redirected, because it would change what the relative addresses mean', async () => {
  const response = await request(app).get('/docs/');

  expect([response.status, response.headers['location']]).toEqual([308, '../docs']);
});

test.each(['/docs/package.json', '/docs/..%2fpackage.json', '/docs/constructor'])(
  '%s is no file',
  async (path) => {
    const response = await request(app).get(path);

    expect([response.status, response.type]).toEqual([404, 'application/problem+json']);
  },
);
