import { type HealthCheck } from '@analytics/shared/health';
import type { Logger } from '@analytics/shared/logger';
import { type Express } from 'express';
import { type StatsControllerDeps } from './controllers/statsController.ts';
export interface AppDeps extends StatsControllerDeps {
    /** What `/readyz` asks, by the dependency's name. */
    checks: Record<string, HealthCheck>;
    logger: Logger;
}
/** Builds the service without opening anything: what it needs comes in, what it answers is on the returned app. */
export declare function createApp({ checks, logger, ...deps }: AppDeps): Express;
