import { createHealthRouter } from '@analytics/shared/health';
import { createProblemHandler, handleUnknownRoute } from '@analytics/shared/problem';
import express, {} from 'express';
import { createStatsController } from './controllers/statsController.js';
import { createStatsRouter } from './routes/stats.route.js';
/** Builds the service without opening anything: what it needs comes in, what it answers is on the returned app. */
export function createApp({ checks, logger, ...deps }) {
    const app = express();
    app.disable('x-powered-by');
    app.disable('etag');
    app.use(createStatsRouter(createStatsController(deps)));
    app.use(createHealthRouter(checks));
    app.use(handleUnknownRoute);
    app.use(createProblemHandler(logger));
    return app;
}
//# sourceMappingURL=app.js.map