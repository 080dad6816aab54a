import { readFileSync } from 'node:fs';
import { say } from '@analytics/local-stack/terminal';
import autocannon from 'autocannon';
import { formatLoadLine } from './src/loadLine.ts';

// What `load.lua` is for wrk: posts the lines of a file, one after the other, as JSON; without a file it gets
// the URL. A process of its own, as wrk is.
const [url = '', seconds = '', connections = '', bodiesFile] = process.argv.slice(2);
const bodies = bodiesFile === undefined ? [] : readFileSync(bodiesFile, 'utf8').trimEnd().split('\n');

const result = await autocannon({
  url,
  duration: Number(seconds),
  connections: Number(connections),
  timeout: 10,
  ...(bodies.length > 0 && {
    requests: bodies.map((body) => ({
      method: 'POST' as const,
      headers: { 'Content-Type': 'application/json' },
      body,
    })),
  }),
});
const unavailable = result.statusCodeStats?.['503']?.count ?? 0;
say(
  formatLoadLine({
    seconds: result.duration,
    accepted: result['2xx'],
    unavailable,
    otherErrors: result.non2xx - unavailable,
    // Timeouts are among the errors.
    socketErrors: result.errors,
    p99Ms: result.latency.p99,
  }),
);
