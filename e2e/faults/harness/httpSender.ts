import { Agent, request } from 'node:http';
import type { Exchange, Ledger, LedgerEntry } from './ledger.ts';

export interface HttpSender {
  /** Posts the entries' events as one request, and notes in the ledger what came back. */
  post(url: string, entries: readonly LedgerEntry[]): Promise<Exchange>;
  close(): void;
}

/** Posts over keep-alive connections. One event goes to `/event`, several to `/events`. */
export function createHttpSender(ledger: Ledger): HttpSender {
  const agent = new Agent({ keepAlive: true });
  return {
    post: async (url, entries) => {
      const [first, ...others] = entries.map(({ event }) => event);
      const startedMs = performance.now();
      const reply =
        others.length === 0
          ? await send(agent, `${url}/event`, first)
          : await send(agent, `${url}/events`, { events: [first, ...others] });
      const exchange = {
        ...reply,
        durationMs: performance.now() - startedMs,
        isBad: entries.some(({ isBad }) => isBad),
      };
      ledger.note(entries, exchange);
      return exchange;
    },
    close: () => agent.destroy(),
  };
}

function send(agent: Agent, url: string, body: unknown): Promise<Pick<Exchange, 'answer' | 'hasRetryAfter'>> {
  const text = JSON.stringify(body);
  const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) };
  return new Promise((resolve) => {
    const giveUp = () => resolve({ answer: 'none', hasRetryAfter: false });
    const outgoing = request(url, { method: 'POST', agent, headers }, (response) => {
      const { statusCode = 0, headers } = response;
      response.resume();
      response.on('end', () =>
        resolve({ answer: statusCode, hasRetryAfter: headers['retry-after'] !== undefined }),
      );
      // An answer that is cut off after its first line is still no acknowledgement.
      response.on('error', giveUp);
    });
    outgoing.on('error', giveUp);
    outgoing.end(text);
  });
}
