import type { Bench } from '../../src/bench.ts';
import type { PartSettings } from '../../src/options.ts';
import type { Report } from '../../src/report.ts';
import { measureDay } from './measureDay.ts';
import { measureToday } from './measureToday.ts';
import { measureYear } from './measureYear.ts';
import { openReportStores } from './reportStores.ts';

/** `GET /stats` and the routes below it, compared with the same query to the naive service. */
export async function measureStats(bench: Bench, settings: PartSettings): Promise<Report> {
  return bench.scopes.run(async (scope) => {
    const stores = await openReportStores(bench, scope);
    const findings = [
      await measureDay(bench, stores, settings),
      await measureToday(bench, stores, settings),
      await measureYear(bench, stores, settings),
    ];
    return {
      settings: `${settings.rounds} × in turns, one MongoDB for both with 6 GB of cache; a sample is the median of some requests on one connection`,
      quantities: findings.flatMap(({ quantities }) => quantities),
      comparisons: findings.flatMap(({ comparisons }) => comparisons),
      remarks: findings.flatMap(({ remarks }) => remarks),
    };
  });
}
