import type { OwnReplicaSet } from '@analytics/local-stack/testing/ownReplicaSet';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { expect, test } from 'vitest';
import { measureRecovery } from './harness/recovery.ts';
import { type FaultContext, runFault } from './harness/runFault.ts';

/**
 * Without a primary for this long, events are stored again: ten seconds until an election, the election, and
 * the fifteen seconds after which a write without an answer is tried again.
 */
const MAX_FAILOVER_MS = 35_000;

/** Events that wait in the queue while nothing can be stored. */
const WAITING_EVENTS = 300;
const WAITING_JOBS = 20;

const system = { isReplicated: true };

/** Waits until events are stored by the members that are left. */
async function expectFailover({ system, load }: FaultContext): Promise<void> {
  expect(await measureRecovery(system, load)).toBeLessThan(MAX_FAILOVER_MS);
}

test('nothing is lost or doubled when the primary steps down', (context) =>
  runFault(context, {
    name: 'primary steps down',
    system,
    run: ({ system }) => (system.replicaSet as OwnReplicaSet).stepDown(),
  }));

test('nothing is lost or doubled when the primary is killed, and its members store events without it', (context) =>
  runFault(context, {
    name: 'primary killed',
    system,
    run: async (fault) => {
      const primary = await (fault.system.replicaSet as OwnReplicaSet).findPrimary();
      await primary.kill();
      await expectFailover(fault);
      await primary.restart();
    },
  }));

test('nothing is lost or doubled when the primary hangs until another one was elected, and returns', (context) =>
  runFault(context, {
    name: 'primary frozen',
    system,
    run: async (fault) => {
      const primary = await (fault.system.replicaSet as OwnReplicaSet).findPrimary();
      await primary.freeze();
      await expectFailover(fault);
      primary.resume();
    },
  }));

test('nothing is lost when the primary dies alone, so that all that only it has is rolled back', (context) =>
  runFault(context, {
    name: 'primary alone, then killed',
    system,
    run: async (fault) => {
      const replicaSet = fault.system.replicaSet as OwnReplicaSet;
      const primary = await replicaSet.findPrimary();
      const secondaries = replicaSet.members.filter((member) => member !== primary);
      await Promise.all(secondaries.map((member) => member.kill()));
      await fault.load.untilAcknowledged(WAITING_EVENTS);
      await primary.kill();
      await Promise.all(secondaries.map((member) => member.restart()));
      await expectFailover(fault);
      await primary.restart();
    },
  }));

test('events are accepted and wait while a majority of the members is away, and are stored when it is back', (context) =>
  runFault(context, {
    name: 'majority lost',
    system,
    run: async ({ system, load }) => {
      const replicaSet = system.replicaSet as OwnReplicaSet;
      const primary = await replicaSet.findPrimary();
      const secondaries = replicaSet.members.filter((member) => member !== primary);
      await Promise.all(secondaries.map((member) => member.kill()));
      await replicaSet.untilNoPrimary();
      await load.untilAcknowledged(WAITING_EVENTS);
      await waitUntil(
        () => system.queue.getJobCountByTypes('wait', 'active', 'delayed'),
        (jobs) => jobs >= WAITING_JOBS,
      );
      await Promise.all(secondaries.map((member) => member.restart()));
      await replicaSet.findPrimary();
    },
  }));
