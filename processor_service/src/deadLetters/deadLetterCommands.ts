import { chunk } from '@analytics/shared/async/chunk';
import type { Queue } from 'bullmq';
import { mongo } from 'mongoose';
import type { DeadLetterRecord } from '../models/DeadLetter.model.ts';
import { buildDeadLetterFilter, type DeadLetterSelection } from './deadLetterFilter.ts';
import { type DeadLetterVersion, deleteDeadLetters, replayDeadLetters } from './replayDeadLetters.ts';

export interface DeadLetterCommandsDeps {
  letters: mongo.Collection<DeadLetterRecord>;
  /** Resolves with the queue once it can be reached. */
  openQueue: () => Promise<Queue>;
  /** Writes a line for a person. */
  print: (line: string) => void;
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
  /**
   * Says how many letters are meant and, if confirmed, puts exactly those back into the queue: the newest
   * `limit`, or all.
   */
  replay(selection: DeadLetterSelection, limit?: number): Promise<void>;
  /** Says how many letters are meant and, if confirmed, deletes exactly those: the newest `limit`, or all. */
  purge(selection: DeadLetterSelection, limit?: number): Promise<void>;
}

/** The most letters that one replay or purge handles. Each takes the command some 240 bytes of memory. */
const MAX_SELECTED = 1_000_000;

const DELETE_PAGE = 1000;

const NEWEST_FIRST = { last_failed_at: -1, _id: 1 } as const;

export function createDeadLetterCommands(deps: DeadLetterCommandsDeps): DeadLetterCommands {
  const { letters, openQueue, print, showProgress, confirm } = deps;

  /**
   * Asks before it acts, and acts on exactly the letters that the question counted. Letters are named by id
   * and version and not by a filter: a letter that arrives, or fails again, while a person decides would
   * match a filter, too.
   */
  async function act(
    verb: string,
    selection: DeadLetterSelection,
    limit: number,
    work: (selected: DeadLetterVersion[]) => Promise<string>,
  ): Promise<void> {
    const filter = buildDeadLetterFilter(selection);
    const selected = await letters
      .find(filter, { sort: NEWEST_FIRST, limit: Math.min(limit, MAX_SELECTED) })
      .project<DeadLetterVersion>({ _id: 1, last_failed_at: 1 })
      .toArray();
    if (selected.length === 0) {
      print('No dead letter matches.');
      return;
    }
    const total = await letters.countDocuments(filter);
    const others = total > selected.length ? `, the newest of ${total}` : '';
    if (await confirm(`${verb} ${describeCount(selected.length)}${others}?`)) {
      print(await work(selected));
    }
  }

  return {
    list: async (selection, limit) => {
      const filter = buildDeadLetterFilter(selection);
      const found = letters.find(filter, { sort: NEWEST_FIRST, limit });
      for await (const { _id, last_failed_at, site_id, attempts, reason } of found) {
        const fields = [_id.toHexString(), last_failed_at.toISOString(), site_id ?? '-', attempts, reason];
        print(escapeControls(fields.join('  ')));
      }
      const total = await letters.countDocuments(filter);
      print(
        total > limit
          ? `${describeCount(total)} in all, the newest ${limit} shown.`
          : `${describeCount(total)} in all.`,
      );
    },
    show: async (id) => {
      const letter = mongo.ObjectId.isValid(id)
        ? await letters.findOne({ _id: new mongo.ObjectId(id) })
        : null;
      print(letter ? JSON.stringify(unfold(letter), null, 2) : `There is no dead letter ${id}.`);
      return letter !== null;
    },
    replay: (selection, limit = MAX_SELECTED) =>
      act('Replay', selection, limit, async (selected) => {
        const { replayed, skipped } = await replayDeadLetters({
          letters,
          selected,
          queue: await openQueue(),
          onProgress: (result) => showProgress(`${result.replayed} back in the queue`),
        });
        const left =
          skipped > 0 ? `; ${describeCount(skipped)} left, for they hold nothing that could be an event` : '';
        return `${describeCount(replayed)} put back into the queue${left}.`;
      }),
    purge: (selection, limit = MAX_SELECTED) =>
      act('Delete for good', selection, limit, async (selected) => {
        let deleted = 0;
        for (const page of chunk(selected, DELETE_PAGE)) {
          deleted += await deleteDeadLetters(letters, page);
          showProgress(`${deleted} deleted`);
        }
        return `${describeCount(deleted)} deleted.`;
      }),
  };
}

/** A letter for a person: the event as an object, where its JSON text would be hard to read. */
function unfold({ raw, ...letter }: DeadLetterRecord): object {
  return raw === undefined ? letter : { ...letter, raw: JSON.parse(raw || 'null') };
}

/** Writes control characters as JSON does: a client chooses site ids, and a terminal would obey them. */
function escapeControls(line: string): string {
  return line.replace(
    /\p{Cc}/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function describeCount(count: number): string {
  return count === 1 ? '1 dead letter' : `${count} dead letters`;
}
