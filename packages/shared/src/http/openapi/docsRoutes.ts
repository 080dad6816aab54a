import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { RequestHandler } from 'express';
import { z } from 'zod';
import type { ServedRoute } from './apiRoute.ts';
import { createDocsPage, PAGE_SCRIPT, PAGE_STYLE } from './docsPage.ts';
import { createStaticHandler, type StaticContent } from './staticContent.ts';

/** The page loads nothing from other hosts, runs no inline script, and cannot be framed. */
const PAGE_HEADERS = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    // The viewer's style sheet has its icons as data.
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
};

const viewerFolder = () => dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
const readViewer = (file: string) => () => readFileSync(join(viewerFolder(), file));

const FILES: Record<string, StaticContent> = {
  'page.js': { mediaType: 'text/javascript', read: () => PAGE_SCRIPT },
  'page.css': { mediaType: 'text/css', read: () => PAGE_STYLE },
  'swagger-ui-bundle.js': { mediaType: 'text/javascript', read: readViewer('swagger-ui-bundle.js') },
  'swagger-ui.css': { mediaType: 'text/css', read: readViewer('swagger-ui.css') },
  'favicon-32x32.png': { mediaType: 'image/png', read: readViewer('favicon-32x32.png') },
};

/** Creates `GET /docs`, which shows `openapi.json` to a person, and the route of the page's files. */
export function createDocsRoutes({ title, tag }: { title: string; tag: string }): ServedRoute[] {
  return [
    {
      ...{ method: 'get', path: '/docs', operationId: 'getDocs', tag },
      summary: 'This document, for people',
      description: 'A page that shows `openapi.json`. It loads nothing from other hosts.',
      answers: {
        200: { description: 'The page.', mediaType: 'text/html' },
        304: { description: 'The page has the ETag of `If-None-Match`.' },
        308: { description: 'The address has no slash at its end.' },
      },
      handler: createPageHandler(title),
    },
    {
      ...{ method: 'get', path: '/docs/{file}', operationId: 'getDocsFile', tag },
      summary: 'A file of the page',
      description: 'The viewer is Swagger UI.',
      pathParameters: z.strictObject({ file: z.enum(Object.keys(FILES)) }),
      answers: {
        200: {
          description: 'The file.',
          mediaType: [...new Set(Object.values(FILES).map(({ mediaType }) => mediaType))],
        },
        304: { description: 'The file has the ETag of `If-None-Match`.' },
      },
      problems: [404],
      handler: createFileHandler(),
    },
  ];
}

/** Without the slash, because the addresses of the page's files are relative. */
function createPageHandler(title: string): RequestHandler {
  const sendPage = createStaticHandler({
    mediaType: 'text/html',
    read: () => createDocsPage(title),
    headers: PAGE_HEADERS,
  });
  return (request, response, next) =>
    request.path.endsWith('/') ? response.redirect(308, '../docs') : sendPage(request, response, next);
}

function createFileHandler(): RequestHandler {
  const handlers = new Map(
    Object.entries(FILES).map(([name, content]) => [
      name,
      createStaticHandler({ ...content, headers: PAGE_HEADERS }),
    ]),
  );
  return (request, response, next) => {
    const handler = handlers.get(String(request.params['file']));
    return handler === undefined ? next('route') : handler(request, response, next);
  };
}
