import type { Queue } from 'bullmq';
import { mongo } from 'mongoose';
import { buildDeadLetterFilter, type DeadLetterSelection } from './deadLetterFilter.ts';
import type { DeadLetterRecord } from './models/DeadLetter.model.ts';
import { replayDeadLetters } from './replayDeadLetters.ts';

export interface DeadLetterCommandsDeps {
  letters: mongo.Collection<DeadLetterRecord>;
  /** Resolves with the queue once it can be reached. */
  openQueue: () => Promise<Queue>;
  /** Writes a line for a person. */
  say: (line: string) => void;
  /** Shows how far a long work is; does nothing where nobody watches. */
  showProgress: (line: string) => void;
  /** Asks whether to go on. */
  confirm: (question: string) => Promise<boolean>;
}

export interface DeadLetterCommands {
  /** Writes the newest letters, a line each. */
  list(selection: DeadLetterSelection, limit: number): Promise<void>;
  /** Writes one letter whole. Resolves with whether there is such a letter. */
  show(id: string): Promise<boolean>;
  /** Says how many letters are meant and, if confirmed, puts them back into the queue. */
  replay(selection: DeadLetterSelection): Promise<void>;
  /** Says how many letters are meant and, if confirmed, deletes them for good. */
  purge(selection: DeadLetterSelection): Promise<void>;
}

export function createDeadLetterCommands(deps: DeadLetterCommandsDeps): DeadLetterCommands {
  const { letters, openQueue, say, showProgress, confirm } = deps;

  /** Counts before it acts, and acts on what was counted if that is wanted. */
  async function act(
    verb: string,
    selection: DeadLetterSelection,
    work: (filter: Record<string, unknown>) => Promise<string>,
  ): Promise<void> {
    const filter = buildDeadLetterFilter(selection);
    const count = await letters.countDocuments(filter);
    if (count === 0) {
      say('No dead letter matches.');
    } else if (await confirm(`${verb} ${describeCount(count)}?`)) {
      say(await work(filter));
    }
  }

  return {
    list: async (selection, limit) => {
      const filter = buildDeadLetterFilter(selection);
      const found = letters.find(filter, { sort: { last_failed_at: -1, _id: 1 }, limit });
      for await (const { _id, last_failed_at, site_id, attempts, reason } of found) {
        say([_id.toHexString(), last_failed_at.toISOString(), site_id ?? '-', attempts, reason].join('  '));
      }
      const total = await letters.countDocuments(filter);
      say(
        total > limit
          ? `${describeCount(total)} in all, the newest ${limit} shown.`
          : `${describeCount(total)} in all.`,
      );
    },
    show: async (id) => {
      const letter = mongo.ObjectId.isValid(id)
        ? await letters.findOne({ _id: new mongo.ObjectId(id) })
        : null;
      say(letter ? JSON.stringify(letter, null, 2) : `There is no dead letter ${id}.`);
      return letter !== null;
    },
    replay: (selection) =>
      act('Replay', selection, async (filter) => {
        const { replayed, skipped } = await replayDeadLetters({
          letters,
          filter,
          queue: await openQueue(),
          onProgress: (result) => showProgress(`${result.replayed} back in the queue`),
        });
        const left =
          skipped > 0 ? `; ${describeCount(skipped)} left, for they hold nothing that could be an event` : '';
        return `${describeCount(replayed)} put back into the queue${left}.`;
      }),
    purge: (selection) =>
      act('Delete for good', selection, async (filter) => {
        const { deletedCount } = await letters.deleteMany(filter);
        return `${describeCount(deletedCount)} deleted.`;
      }),
  };
}

function describeCount(count: number): string {
  return count === 1 ? '1 dead letter' : `${count} dead letters`;
}
