import { Agent, get } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import type { Bench } from '../../src/bench.ts';
import { startContender } from '../../src/contenders.ts';
import { findMedian } from '../../src/statistics.ts';
import type { ReportStores } from './reportStores.ts';

const NO_CACHE = { STATS_CACHE_TTL_SECONDS: '0', STATS_TIMEOUT_SECONDS: '300' };

export interface ReportUrls {
  ours: string;
  naive: string;
}

/**
 * Runs `work` with both reporting services, ours without its cache.
 *
 * @param paths the same query for each service.
 * @param work gets the URLs of the services.
 * @throws Error if the services answer the query differently.
 */
export function withReportServices<Result>(
  bench: Bench,
  stores: ReportStores,
  paths: ReportUrls,
  work: (urls: ReportUrls) => Promise<Result>,
): Promise<Result> {
  return bench.scopes.run(async (scope) => {
    const ours = await startContender(bench, scope, 'reporting', { ...stores.ours.settings, ...NO_CACHE });
    const naive = await startContender(bench, scope, 'naiveReporting', stores.naive.settings);
    const answers = [await getText(ours.url + paths.ours), await getText(naive.url + paths.naive)];
    const [ourNumbers, naiveNumbers] = answers.map((answer) => {
      const { total_views, unique_users, top_paths } = JSON.parse(answer);
      return { total_views, unique_users, top_paths };
    });
    if (!isDeepStrictEqual(ourNumbers, naiveNumbers)) {
      throw new Error(`The services answer differently: ${answers.join(' and ')}`);
    }
    return work({ ours: ours.url, naive: naive.url });
  });
}

/**
 * The median time of a request in milliseconds, measured one after another on one connection.
 *
 * @throws Error if an answer is not 200.
 */
export async function timeRequests(url: string, count: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const times: number[] = [];
  try {
    for (let request = 0; request < count; request += 1) {
      const startMs = performance.now();
      await getText(url, agent);
      times.push(performance.now() - startMs);
    }
  } finally {
    agent.destroy();
  }
  return findMedian(times);
}

/**
 * Gets a body by Node's HTTP client, which costs a fraction of `fetch`.
 *
 * @throws Error if the answer is not 200.
 */
export function getText(url: string, agent?: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent }, (response) => {
      response.setEncoding('utf8');
      let text = '';
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) {
          resolve(text);
        } else {
          reject(new Error(`${url} answered ${response.statusCode}: ${text}`));
        }
      });
    });
    request.on('error', reject);
  });
}
