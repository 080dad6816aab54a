import type { RequestHandler } from 'express';
import { onTestFinished } from 'vitest';
import { closeServer } from '../../src/http/closeServer.ts';
import { createHttpServer, listen } from '../../src/http/httpServer.ts';
import { createServiceApp } from '../../src/http/serviceApp.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';

/** Serves a handler at `/handled` of an app like those of the services, until the test ends. */
export async function serveHandler(handler: RequestHandler) {
  const app = createServiceApp(
    { checks: {}, metrics: createMetrics(), logger: { error: () => {} } },
    (routes) => {
      routes.use('/handled', handler);
    },
  );
  const server = createHttpServer(app, { headersMs: 200, requestMs: 1000, unreadMs: 1000 });
  const port = await listen(server, 0);
  onTestFinished(() => closeServer(server, { graceMs: 0 }));
  return { app, server, port };
}

export const answerHello: RequestHandler = (_request, response) => void response.send('hello');
