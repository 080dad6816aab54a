import { chunk } from '@analytics/shared/async/chunk';
import { createEventLoopYield } from '@analytics/shared/async/yieldEventLoop';
import type { BucketCounts } from './bucketCounts.ts';
import type { EventGroup } from './eventGroups.ts';
import type { LargeBucketClaim } from './largeBucketLock.ts';

/** Look up user codes once this many user ids are buffered. */
const MAX_BUFFERED_USERS = 100_000;

/** Or once the buffered groups take about this much memory. */
const MAX_BUFFERED_BYTES = 8 * 1024 * 1024;

/** The memory of a text without its code units, and of each code unit. */
const TEXT_BYTES = 32;
const UNIT_BYTES = 2;

/** The memory of a group's value without its text. */
const VALUE_BYTES = 96;

/** Users that are counted between two chances to yield the event loop. */
const USERS_PER_TURN = 5000;

/** Resolves with the code of each user id. */
export type AssignCodes = (users: ReadonlySet<string>) => Promise<ReadonlyMap<string, number>>;

/** The counts that a group belongs to. */
interface CountTarget {
  counts: BucketCounts;
}

/** Groups of events whose users have no codes yet. */
export interface GroupBuffer {
  readonly isHalfFull: boolean;
  /** The number of flushes so far. */
  readonly flushes: number;
  /** Adds a group. Flushes when the buffer is full. */
  add(target: CountTarget, group: EventGroup): Promise<void>;
  /** Forgets the groups of a target. */
  drop(target: CountTarget): void;
  /** Assigns codes to the users of all groups, and adds each group to its counts. */
  flush(): Promise<void>;
}

export function createGroupBuffer(assignCodes: AssignCodes, claim: LargeBucketClaim): GroupBuffer {
  let groups: { target: CountTarget; group: EventGroup }[] = [];
  let users = 0;
  let bytes = 0;
  let flushes = 0;

  async function flush(): Promise<void> {
    const codes = await assignCodes(listUserIds(groups));
    const yieldLoop = createEventLoopYield();
    let last: CountTarget | undefined;
    let earlierBytes = 0;
    for (const { target, group } of groups) {
      earlierBytes += last === undefined || last === target ? 0 : last.counts.bytes;
      last = target;
      for (const some of chunk(group.users, USERS_PER_TURN)) {
        target.counts.add({ values: group.values, views: some.length, users: toCodes(some, codes) });
        const wait = claim.hold(earlierBytes + target.counts.bytes) ?? yieldLoop();
        // An `await` for each of many groups would cost more than the counting.
        if (wait) {
          await wait;
        }
      }
    }
    groups = [];
    users = 0;
    bytes = 0;
    flushes += 1;
  }

  return {
    get isHalfFull() {
      return users >= MAX_BUFFERED_USERS / 2 || bytes >= MAX_BUFFERED_BYTES / 2;
    },
    get flushes() {
      return flushes;
    },
    add: async (target, group) => {
      groups.push({ target, group });
      users += group.users.length;
      bytes += measureGroup(group);
      if (users >= MAX_BUFFERED_USERS || bytes >= MAX_BUFFERED_BYTES) {
        await flush();
      }
    },
    drop: (target) => {
      groups = groups.filter((buffered) => buffered.target !== target);
    },
    flush,
  };
}

function listUserIds(groups: readonly { group: EventGroup }[]): Set<string> {
  const ids = new Set<string>();
  for (const { group } of groups) {
    for (const user of group.users) {
      if (typeof user === 'string') {
        ids.add(user);
      } else if (user !== null) {
        throw new Error(
          'A user_id is not a text. Correct or delete the event; its hour is read from events.',
        );
      }
    }
  }
  return ids;
}

function measureGroup({ values, users }: EventGroup): number {
  let bytes = 0;
  for (const value of values.values()) {
    bytes += VALUE_BYTES + (typeof value === 'string' ? UNIT_BYTES * value.length : 0);
  }
  for (const user of users) {
    bytes += TEXT_BYTES + (typeof user === 'string' ? UNIT_BYTES * user.length : 0);
  }
  return bytes;
}

function toCodes(users: readonly (string | null)[], codes: ReadonlyMap<string, number>): number[] {
  const found: number[] = [];
  for (const user of users) {
    if (user !== null) {
      const code = codes.get(user);
      if (code === undefined) {
        throw new Error(`A user_id of ${user.length} characters has no code.`);
      }
      found.push(code);
    }
  }
  return found;
}
