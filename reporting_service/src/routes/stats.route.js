import { createMethodNotAllowedHandler } from '@analytics/shared/problem';
import { Router } from 'express';
export function createStatsRouter(getStats) {
    const router = Router();
    router.route('/stats').get(getStats).all(createMethodNotAllowedHandler('GET, HEAD'));
    return router;
}
//# sourceMappingURL=stats.route.js.map