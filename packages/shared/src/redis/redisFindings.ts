import type { Redis } from 'ioredis';

/** The findings about the durability of a Redis. Each text is a clause about "it". */
export interface Findings {
  /** Why it can lose acknowledged events. */
  risks: string[];
  /** Unknown properties, with the missing permission. */
  unknowns: string[];
  /** Problems that lose no event yet. */
  notes: string[];
}

/**
 * Reads the durability settings of Redis.
 *
 * @throws Error if Redis gave no answer; a refusal is an answer.
 */
export async function inspectRedis(redis: Redis): Promise<Findings> {
  const info = await ask(() => redis.info());
  if (info === undefined) {
    return { risks: [], unknowns: [describeMissing('INFO', '+info')], notes: [] };
  }
  const reply = (await ask(() => redis.config('GET', 'appendfsync'))) as string[] | undefined;
  return readFindings(info, reply?.[1]);
}

/** Evaluates INFO. `appendfsync` is undefined if the user may not read it. */
export function readFindings(info: string, appendfsync: string | undefined): Findings {
  const field = (name: string) => new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]?.trim();
  if (field('redis_mode') === 'sentinel') {
    // It has no data. The probe reports that it is unusable.
    return { risks: [], unknowns: [], notes: [] };
  }
  const isAofOn = field('aof_enabled') === '1';
  return {
    risks: [
      ...describe(
        !['noeviction', undefined].includes(field('maxmemory_policy')),
        `its maxmemory-policy is ${field('maxmemory_policy')} and should be noeviction`,
      ),
      ...describe(
        field('aof_enabled') === '0',
        'its append-only file is off and should be on (appendonly yes)',
      ),
      ...describe(
        isAofOn && !['always', undefined].includes(appendfsync),
        `its appendfsync is ${appendfsync} and should be always, or a crash takes the last accepted events`,
      ),
      ...describe(
        field('aof_last_write_status') === 'err',
        'its last write to the append-only file failed; see its log, and the room on its disk',
      ),
    ],
    unknowns: [
      ...describe(
        field('aof_enabled') === undefined || field('maxmemory_policy') === undefined,
        'its INFO does not say whether there is an append-only file and no eviction',
      ),
      ...describe(isAofOn && appendfsync === undefined, describeMissing('CONFIG GET', '+config|get')),
    ],
    notes: [
      ...describe(
        field('aof_last_bgrewrite_status') === 'err',
        'its last rewrite of the append-only file failed, so that the file keeps growing',
      ),
      ...describe(
        field('redis_mode') === 'cluster',
        'it is a node of a Redis Cluster, which is not supported: events are refused once their slot moves to another node',
      ),
    ],
  };
}

/** Resolves with undefined if a managed server or an ACL rejects the command; their messages differ. */
async function ask<Reply>(command: () => Promise<Reply>): Promise<Reply | undefined> {
  try {
    return await command();
  } catch (error) {
    if (/^NOPERM|unknown (sub)?command/i.test((error as Error).message)) {
      return undefined;
    }
    throw error;
  }
}

function describeMissing(command: string, rule: string): string {
  return `the Redis user may not run ${command} (its ACL lacks ${rule})`;
}

function describe(holds: boolean, text: string): string[] {
  return holds ? [text] : [];
}
