import type { Express } from 'express';
import { createMethodNotAllowedHandler } from '../http/problem.ts';
import type { Metrics, MetricsFormat } from './metrics.ts';

/** `GET /metrics`: all metrics of the process, in OpenMetrics or in the text format, by `Accept`. */
export function addMetricsRoute(app: Express, { scrape }: Pick<Metrics, 'scrape'>): void {
  app
    .route('/metrics')
    .get(async (request, response) => {
      const { contentType, body } = await scrape(chooseFormat(request.headers.accept ?? ''));
      response.set('Cache-Control', 'no-store').set('Content-Type', contentType).send(body);
    })
    .all(createMethodNotAllowedHandler('GET, HEAD'));
}

/**
 * OpenMetrics if a client prefers it by name, as Prometheus does. Ignores the parameters of a media type:
 * Prometheus asks for several versions and ways of escaping, and every one of them can read these names.
 */
export function chooseFormat(accept: string): MetricsFormat {
  const qualities = new Map<string, number>();
  for (const range of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    const quality = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1);
    qualities.set(type, Math.max(quality, qualities.get(type) ?? 0));
  }
  const openMetrics = qualities.get('application/openmetrics-text') ?? 0;
  return openMetrics > 0 && openMetrics >= (qualities.get('text/plain') ?? 0) ? 'openmetrics' : 'text';
}
