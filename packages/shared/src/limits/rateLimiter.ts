import { hash } from 'node:crypto';
import type { Redis } from 'ioredis';

/** A limit: this many units in each window. */
export interface RateLimit {
  /** Part of the key in Redis, such as `events-per-site`. */
  name: string;
  limit: number;
  windowMs: number;
  /** Whether Redis gets the SHA-256 of a subject instead of the subject itself. */
  hashSubjects?: boolean;
}

/** Why a subject gets no units. */
export interface LimitRefusal {
  /**
   * The units that the subject may still use in this window. It is exact to within the leases of other
   * processes.
   */
  remaining: number;
  /** The time until the window ends (ms). */
  resetMs: number;
}

export interface RateLimiter {
  readonly policy: RateLimit;
  /**
   * Takes units of a subject, such as a client address. Undefined: it got them. Returns a promise only if the
   * process must ask Redis. It never rejects.
   */
  take(subject: string, units: number): LimitRefusal | undefined | Promise<LimitRefusal | undefined>;
}

export interface RateLimiterOptions {
  /** Absent: the process applies the limit alone. */
  redis?: Pick<Redis, 'multi' | 'status'>;
  /** The start of the keys in Redis. */
  prefix: string;
  /** Gets why Redis could not answer. */
  onFailure: (error: Error) => void;
  /** Milliseconds since 1970. The clocks of all processes should agree to within a second. */
  now?: () => number;
  /** The most subjects in memory. The oldest are dropped, and ask Redis again. */
  maxSubjects?: number;
}

/**
 * A process leases at most this share of a limit at once, so that several processes can use up nearly all of
 * it.
 */
const LEASE_SHARE = 1 / 50;

/** What a process knows of a subject in one window. */
interface Ledger {
  /** Leased from Redis and not used yet. */
  leased: number;
  /** What all processes had leased when Redis was last asked. */
  total: number;
  /** Used without Redis, while it is away. */
  alone: number;
  asking: Promise<void> | undefined;
  /** The units of the requests that wait for Redis. */
  waiting: number;
}

/** The ledgers of a window by subject. The windows of all processes start together. */
interface LimitWindow {
  /** Its number since 1970. */
  number: number;
  startMs: number;
  endMs: number;
  ledgers: Map<string, Ledger>;
}

/**
 * Limits subjects across all processes that share a Redis. A process leases units from a counter in Redis and
 * spends them by itself, so a flood costs few commands: none once the limit is reached. The sum of all leases
 * never exceeds the limit; an unused lease is lost at the end of its window. While Redis is away, each
 * process applies the limit alone. Subjects stay in memory until their window ends.
 */
export function createRateLimiter(policy: RateLimit, options: RateLimiterOptions): RateLimiter {
  const { redis, prefix, onFailure, now = Date.now, maxSubjects = 100_000 } = options;
  const { name, limit, windowMs, hashSubjects = false } = policy;
  const leaseUnits = Math.max(1, Math.floor(limit * LEASE_SHARE));
  let window = createWindow(Number.NEGATIVE_INFINITY, windowMs);

  /** Each request of a server calls this up to three times: it computes nothing that a window knows. */
  function take(subject: string, units: number) {
    const nowMs = now();
    if (nowMs >= window.endMs || nowMs < window.startMs) {
      window = createWindow(nowMs, windowMs);
    }
    const ledger = window.ledgers.get(subject) ?? addLedger(window.ledgers, subject, maxSubjects);
    if (ledger.leased >= units) {
      ledger.leased -= units;
      return undefined;
    }
    const resetMs = window.endMs - nowMs;
    if (ledger.total >= limit) {
      return { remaining: ledger.leased, resetMs };
    }
    return redis?.status === 'ready'
      ? askAndSpend(ledger, `${prefix}:${name}:${window.number}:${toRedisName(subject)}`, units, resetMs)
      : spendAlone(ledger, limit, units, resetMs);
  }

  function toRedisName(subject: string): string {
    return hashSubjects ? hash('sha256', subject, 'base64url').slice(0, 22) : subject;
  }

  async function lease(ledger: Ledger, key: string): Promise<void> {
    const asked = Math.max(ledger.waiting, leaseUnits);
    const replies = await redis?.multi().incrby(key, asked).pexpire(key, windowMs).exec();
    const [error, after] = replies?.[0] ?? [new Error('Redis gave no answer')];
    if (error) {
      throw error;
    }
    ledger.total = Number(after);
    ledger.leased += Math.min(asked, Math.max(limit - (ledger.total - asked), 0));
  }

  /**
   * Asks Redis for a lease. One question serves all requests that wait. Resolves with whether it answered.
   */
  async function ask(ledger: Ledger, key: string): Promise<boolean> {
    ledger.asking ??= lease(ledger, key).finally(() => {
      ledger.asking = undefined;
    });
    try {
      await ledger.asking;
      return true;
    } catch (error) {
      onFailure(error as Error);
      return false;
    }
  }

  async function askAndSpend(ledger: Ledger, key: string, units: number, resetMs: number) {
    ledger.waiting += units;
    try {
      while (await ask(ledger, key)) {
        if (ledger.leased >= units) {
          ledger.leased -= units;
          return undefined;
        }
        if (ledger.total >= limit) {
          return { remaining: ledger.leased, resetMs };
        }
      }
      return spendAlone(ledger, limit, units, resetMs);
    } finally {
      ledger.waiting -= units;
    }
  }

  return { policy, take };
}

function createWindow(nowMs: number, windowMs: number): LimitWindow {
  const number = Math.floor(nowMs / windowMs);
  const startMs = number * windowMs;
  return { number, startMs, endMs: startMs + windowMs, ledgers: new Map() };
}

/** Makes room for it if there are `maxSubjects`. */
function addLedger(ledgers: Map<string, Ledger>, subject: string, maxSubjects: number): Ledger {
  const [oldest] = ledgers.keys();
  if (ledgers.size >= maxSubjects && oldest !== undefined) {
    ledgers.delete(oldest);
  }
  const ledger = { leased: 0, total: 0, alone: 0, asking: undefined, waiting: 0 };
  ledgers.set(subject, ledger);
  return ledger;
}

function spendAlone(ledger: Ledger, limit: number, units: number, resetMs: number): LimitRefusal | undefined {
  if (ledger.alone + units > limit) {
    return { remaining: limit - ledger.alone, resetMs };
  }
  ledger.alone += units;
  return undefined;
}
