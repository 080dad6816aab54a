import { expect, test } from 'vitest';
import { describeTrouble, formatLoadLine, parseLoadOutput } from '../src/loadLine.ts';

const CLEAN = {
  seconds: 3.014706,
  accepted: 52547,
  unavailable: 0,
  otherErrors: 0,
  socketErrors: 0,
  p99Ms: 21.204,
};

/** As wrk wrote it, our script's line at its end. */
const WRK_OUTPUT = `Running 3s test @ http://127.0.0.1:23999/event
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     3.92ms    3.12ms  41.28ms   92.62%
    Req/Sec    17.53k     3.90k   24.03k    70.00%
  52547 requests in 3.01s, 9.02MB read
Requests/sec:  17430.22
Transfer/sec:      2.99MB
LOAD {"seconds":3.014706,"accepted":52547,"unavailable":0,"otherErrors":0,"socketErrors":0,"p99Ms":21.204000}
`;

test('the result is found at the end of what wrk writes', () => {
  expect(parseLoadOutput(WRK_OUTPUT)).toEqual(CLEAN);
});

test('what one script formats, the bench parses', () => {
  expect(parseLoadOutput(`${formatLoadLine(CLEAN)}\n`)).toEqual(CLEAN);
});

test('output without a result is an error that shows it', () => {
  expect(() => parseLoadOutput('unable to connect to 127.0.0.1:1')).toThrow('unable to connect');
});

test('a clean run has no trouble to tell of', () => {
  expect(describeTrouble([CLEAN, CLEAN])).toBe('');
});

test('errors of all rounds are added up by their kind', () => {
  const rounds = [
    { ...CLEAN, unavailable: 1200 },
    { ...CLEAN, unavailable: 34, socketErrors: 2 },
  ];
  expect(describeTrouble(rounds)).toBe('1,234 answers of 503 (overloaded), 2 socket errors');
});
