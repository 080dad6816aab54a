import { expect, test } from 'vitest';
import { checkClock } from '../../src/doctor/clock.ts';
import { describeFindings, findWorst, ok, runChecks, warning } from '../../src/doctor/findings.ts';
import { listNodeChecks } from '../../src/doctor/nodeChecks.ts';

test.each([
  [1000, 1000, 'ok'],
  [1999, 1000, 'ok'],
  [2600, 1000, 'warning'],
  [-500, 1000, 'warning'],
  [40_000, 1000, 'failure'],
  [-40_000, 1000, 'failure'],
])('a clock that says %i at %i is %s', (serverMs, nowMs, status) => {
  expect(checkClock(serverMs, nowMs, nowMs + 100).status).toBe(status);
});

test('a slow answer is no wrong clock', () => {
  expect(checkClock(5000, 1000, 9000)).toMatchObject({ status: 'ok' });
});

test.each([
  ['20.18.3', 'failure'],
  ['18.20.0', 'failure'],
  ['20.20.2', 'warning'],
  ['22.11.0', 'ok'],
  ['24.0.0', 'ok'],
])('Node %s is %s', async (node, status) => {
  const checks = listNodeChecks(
    { node, tz: '2025b' } as unknown as NodeJS.ProcessVersions,
    Date.UTC(2026, 0),
  );
  expect(await runChecks(checks)).toMatchObject([{ check: 'Node', status }, { status: 'ok' }]);
});

test.each(['2023c', undefined])('time zone tables of %s are old in 2026', async (tz) => {
  const checks = listNodeChecks(
    { node: '24.0.0', tz } as unknown as NodeJS.ProcessVersions,
    Date.UTC(2026, 0),
  );
  expect(await runChecks(checks)).toMatchObject([{ status: 'ok' }, { status: 'warning' }]);
});

test('a check that throws is a failure of its subject only', async () => {
  const findings = await runChecks([
    { subject: 'One', run: async () => [ok('fine')] },
    { subject: 'Two', run: () => Promise.reject(new Error('no permission')), adviceOnError: 'Grant it.' },
    { subject: 'Three', run: async () => [warning('late', 'Wait.')] },
  ]);

  expect(findWorst(findings)).toBe('failure');
  expect(describeFindings(findings)).toEqual([
    'ok       One    fine',
    'failure  Two    the check failed: no permission',
    '                → Grant it.',
    'warning  Three  late',
    '                → Wait.',
    '',
    '1 ok, 1 warnings, 1 failures',
  ]);
});
