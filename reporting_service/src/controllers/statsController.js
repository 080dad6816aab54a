import { describeFieldErrors, ProblemError, toFieldErrors } from '@analytics/shared/problem';
import { statsQuerySchema } from '@analytics/shared/stats';
/** Answers `GET /stats`: 200 with a site's numbers, 400 with every parameter at fault. */
export function createStatsController({ readSiteStats }) {
    return async function getStats(request, response) {
        const query = statsQuerySchema.safeParse(request.query);
        if (!query.success) {
            const errors = toFieldErrors(query.error, 'query');
            throw new ProblemError(400, `The query can't be answered: ${describeFieldErrors(errors)}.`, { errors });
        }
        response.json(await readSiteStats(query.data));
    };
}
//# sourceMappingURL=statsController.js.map