import type { Express } from 'express';

interface Layer {
  route?: { path: string; methods: Record<string, boolean> };
  handle: { stack?: Layer[] };
}

/** Lists the routes that an app and its routers serve, as OpenAPI writes them: `get /sites/{id}`. */
export function listRoutes(app: Express): string[] {
  return listLayers((app.router as unknown as { stack: Layer[] }).stack);
}

function listLayers(layers: Layer[]): string[] {
  return layers.flatMap(({ route, handle }) => {
    if (route === undefined) {
      return listLayers(handle.stack ?? []);
    }
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
    // The handler of all methods answers 405, and OPTIONS is for browsers.
    return Object.keys(route.methods)
      .filter((method) => method !== '_all' && method !== 'options')
      .map((method) => `${method} ${path}`);
  });
}
