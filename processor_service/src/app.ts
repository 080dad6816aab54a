import { createServiceApp, type ServiceAppDeps } from '@analytics/shared/http/serviceApp';
import type { Express } from 'express';

/** Builds the worker's small HTTP side, which tells only how the worker is. */
export function createApp(deps: ServiceAppDeps): Express {
  return createServiceApp(deps);
}
