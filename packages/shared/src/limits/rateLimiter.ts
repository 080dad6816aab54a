import type { Redis } from 'ioredis';

/** A limit: this many units in each window. */
export interface RateLimit {
  /** Part of the key in Redis, such as `events-per-site`. */
  name: string;
  limit: number;
  windowMs: number;
}

/** The answer about one subject, such as a client address. */
export interface RateLimitResult {
  isAllowed: boolean;
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
  /** Takes units of a subject. Returns a promise only if the process must ask Redis. It never rejects. */
  take(subject: string, units: number): RateLimitResult | Promise<RateLimitResult>;
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
  /** The number of the window since 1970. */
  window: number;
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

/**
 * Limits subjects across all processes that share a Redis. A process leases units from a counter in Redis and
 * spends them by itself, so a flood costs few commands: none once the limit is reached. The sum of all leases
 * never exceeds the limit; an unused lease is lost at the end of its window. While Redis is away, each
 * process applies the limit alone.
 */
export function createRateLimiter(policy: RateLimit, options: RateLimiterOptions): RateLimiter {
  const { redis, prefix, onFailure, now = Date.now, maxSubjects = 100_000 } = options;
  const { name, limit, windowMs } = policy;
  const findLedger = createLedgers(maxSubjects);
  const leaseUnits = Math.max(1, Math.floor(limit * LEASE_SHARE));

  async function lease(ledger: Ledger, subject: string): Promise<void> {
    const asked = Math.max(ledger.waiting, leaseUnits);
    const key = `${prefix}:${name}:${ledger.window}:${subject}`;
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
  async function ask(ledger: Ledger, subject: string): Promise<boolean> {
    ledger.asking ??= lease(ledger, subject).finally(() => {
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

  async function askAndSpend(ledger: Ledger, subject: string, units: number): Promise<Spending> {
    ledger.waiting += units;
    try {
      while (await ask(ledger, subject)) {
        const spent = spendLease(ledger, limit, units);
        if (spent) {
          return spent;
        }
      }
      return spendAlone(ledger, limit, units);
    } finally {
      ledger.waiting -= units;
    }
  }

  return {
    policy,
    take: (subject, units) => {
      const nowMs = now();
      const window = Math.floor(nowMs / windowMs);
      const resetMs = (window + 1) * windowMs - nowMs;
      const ledger = findLedger(subject, window);
      const known =
        spendLease(ledger, limit, units) ??
        (redis?.status === 'ready' ? undefined : spendAlone(ledger, limit, units));
      return known
        ? { ...known, resetMs }
        : askAndSpend(ledger, subject, units).then((spent) => ({ ...spent, resetMs }));
    },
  };
}

/** Holds the ledgers of at most `maxSubjects` subjects, each of its latest window. */
function createLedgers(maxSubjects: number): (subject: string, window: number) => Ledger {
  const ledgers = new Map<string, Ledger>();
  return (subject, window) => {
    const known = ledgers.get(subject);
    if (known?.window === window) {
      return known;
    }
    ledgers.delete(subject);
    const [oldest] = ledgers.keys();
    if (ledgers.size >= maxSubjects && oldest !== undefined) {
      ledgers.delete(oldest);
    }
    const ledger = { window, leased: 0, total: 0, alone: 0, asking: undefined, waiting: 0 };
    ledgers.set(subject, ledger);
    return ledger;
  };
}

type Spending = Omit<RateLimitResult, 'resetMs'>;

/** Undefined if only Redis knows. */
function spendLease(ledger: Ledger, limit: number, units: number): Spending | undefined {
  if (ledger.leased >= units) {
    ledger.leased -= units;
    return { isAllowed: true, remaining: Math.max(limit - ledger.total, 0) + ledger.leased };
  }
  return ledger.total >= limit ? { isAllowed: false, remaining: ledger.leased } : undefined;
}

function spendAlone(ledger: Ledger, limit: number, units: number): Spending {
  const isAllowed = ledger.alone + units <= limit;
  ledger.alone += isAllowed ? units : 0;
  return { isAllowed, remaining: limit - ledger.alone };
}
