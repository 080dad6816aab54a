import { isGroupTooLarge } from '@analytics/shared/mongo/groupSize';
import type { PipelineStage } from 'mongoose';
import type { ReportContext } from '../../database/reportContext.ts';
import { MemoryShortError } from '../../database/reportMemory.ts';
import { LISTS_PER_REPLY } from './longLists.ts';

/** Distinct users of events that belong to one group. */
export interface EventUsers {
  /** The index of the group. */
  index: number;
  /** User ids. Null and undefined stand for anonymous views. */
  users: readonly unknown[];
}

/** Users that MongoDB returns one by one. */
export const USERS_PER_REPLY = 4000;

/**
 * Reads lists of users, which is faster than reading users one by one.
 *
 * @throws MemoryShortError if a list is too long. A large report reads users one by one.
 */
export async function* readLists<Document extends { users?: readonly unknown[] }>(
  { stream }: ReportContext,
  pipeline: PipelineStage[],
): AsyncGenerator<Document & { users: readonly unknown[] }> {
  try {
    for await (const batch of stream<Document>(pipeline, LISTS_PER_REPLY)) {
      for (const document of batch) {
        yield requireList(document);
      }
    }
  } catch (error) {
    throw isGroupTooLarge(error) ? new MemoryShortError('A list of users is too long.') : error;
  }
}

function requireList<Document extends { users?: readonly unknown[] }>(document: Document) {
  const { users } = document;
  if (users === undefined) {
    throw new MemoryShortError('A list of users is too long.');
  }
  return { ...document, users };
}

/** Collects the users of each group. */
export function groupUsers(items: Iterable<{ index: number; user: unknown }>): EventUsers[] {
  const groups = new Map<number, unknown[]>();
  for (const { index, user } of items) {
    const group = groups.get(index) ?? [];
    group.push(user);
    groups.set(index, group);
  }
  return [...groups].map(([index, users]) => ({ index, users }));
}
