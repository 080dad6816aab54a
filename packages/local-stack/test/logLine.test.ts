import { findLastProblem, readServiceWarning } from '@analytics/local-stack/logLine';
import { expect, test } from 'vitest';

test.each([
  ['{"level":30,"msg":"listening"}', undefined],
  ['{"level":40,"msg":"Redis is away"}', 'Redis is away'],
  ['{"level":50,"msg":"could not store","err":{"message":"timed out"}}', 'could not store: timed out'],
  ['{"level":60,"msg":"the end of it"}', undefined],
  ['{ not JSON', undefined],
  ['plain text with an error', undefined],
])('shows only the warnings and errors of a service: %s', (line, expected) => {
  expect(readServiceWarning(line)).toBe(expected);
});

test.each([
  ['nothing', ['', ''], undefined],
  ['its last line if there is no error', ['starting', 'done', ''], 'done'],
  ['a service', ['{"level":60,"msg":"no queue"}', '{"level":30,"msg":"stopped"}'], 'no queue'],
  [
    'mongod',
    ['{"s":"E","msg":"Failed","attr":{"error":"Address in use"}}', '{"s":"I","msg":"Shutting down"}'],
    'Failed: Address in use',
  ],
  [
    'a mongod that aborts',
    [
      '{"s":"F","c":"NETWORK","id":31339,"msg":"Error listening","attr":{"error":"Address already in use"}}',
      '{"s":"F","c":"ASSERT","id":23089,"msg":"Fatal assertion","attr":{"msgid":31339}}',
      '{"s":"F","c":"CONTROL","id":6384300,"msg":"Writing fatal message","attr":{"message":"Got signal: 6 (Aborted)."}}',
    ],
    'Error listening: Address already in use',
  ],
  [
    'a mongod whose storage fails',
    ['{"s":"F","c":"STORAGE","id":28595,"msg":"Terminating.","attr":{"reason":"13: Permission denied"}}'],
    'Terminating: 13: Permission denied',
  ],
  [
    'a service that repeats itself',
    ['{"level":60,"msg":"No port.","err":{"message":"No port.: listen EADDRINUSE"}}'],
    'No port.',
  ],
  [
    'Redis',
    ['7:M 12 Nov 2025 19:30:01.123 # Bad file format', '7:M 12 Nov 2025 19:30:01.124 * Bye'],
    'Bad file format',
  ],
  [
    'Redis, advice apart',
    ['7:M 12 Nov 2025 19:30:01.123 # Out of room', '7:M 12 Nov 2025 19:30:01.124 # WARNING Memory'],
    'Out of room',
  ],
  [
    'node',
    ['  throw err;', 'Error: Cannot find module', '    at Module.error', '', 'Node.js v20'],
    'Error: Cannot find module',
  ],
  [
    'a list',
    ["These settings can't be used:", '  PORT must be a number', 'See the page.'],
    "These settings can't be used: PORT must be a number",
  ],
])('finds the last error of a program: %s', (_name, lines, expected) => {
  expect(findLastProblem(lines)).toBe(expected);
});
