import { Agent, get } from 'node:http';
import { findMedian } from '../statistics.ts';

/**
 * The median time of the same request, one after another on one connection, in milliseconds.
 *
 * @throws Error if any answer is not 200.
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

/** By Node's client, which takes a fraction of what `fetch` does. */
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
