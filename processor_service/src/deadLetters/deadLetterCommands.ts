import { chunk } from '@analytics/shared/async/chunk';
import type { CommandOutput } from '@analytics/shared/service/runCommand';
import type { Queue } from 'bullmq';
import { mongo } from 'mongoose';
import type { DeadLetterRecord } from '../models/DeadLetter.model.ts';
import { buildDeadLetterFilter, type DeadLetterSelection } from './deadLetterFilter.ts';
import { type DeadLetterVersion, deleteDeadLetters, replayDeadLetters } from './replayDeadLetters.ts';

/** The person at the terminal of a command. */
export interface Terminal extends Pick<CommandOutput, 'print' | 'showProgress'> {
  /** Asks for confirmation. */
  confirm(question: string): Promise<boolean>;
}

export interface DeadLetterCommandsDeps extends Terminal {
  collection: mongo.Collection<DeadLetterRecord>;
  /** Resolves with the queue once Redis is available. */
  openQueue: () => Promise<Queue>;
}

export interface DeadLetterCommands {
  /** Prints the newest dead letters, one per line. */
  list(selection: DeadLetterSelection, limit: number): Promise<void>;
  /** Prints all of one dead letter. Resolves with whether it exists. */
  show(id: string): Promise<boolean>;
  /**
   * Counts the newest `limit` of the selected dead letters, or all; if confirmed, puts them back into the
   * queue.
   */
  replay(selection: DeadLetterSelection, limit?: number): Promise<void>;
  /** Counts the newest `limit` of the selected dead letters, or all; if confirmed, deletes them. */
  purge(selection: DeadLetterSelection, limit?: number): Promise<void>;
}

/** The most dead letters of one replay or purge. Each takes about 240 bytes of memory. */
const MAX_SELECTED = 1_000_000;

const DELETE_PAGE = 1000;

const NEWEST_FIRST = { last_failed_at: -1, _id: 1 } as const;

/** Creates the commands that inspect, replay and delete dead letters. */
export function createDeadLetterCommands(deps: DeadLetterCommandsDeps): DeadLetterCommands {
  const { collection, openQueue, print, showProgress, confirm } = deps;

  /**
   * Asks, and then works on exactly the dead letters that the question counted. It selects them by id and
   * version, because a filter would also match those that arrive or fail again before the answer.
   */
  async function confirmAndRun(
    verb: string,
    selection: DeadLetterSelection,
    limit: number,
    work: (selected: DeadLetterVersion[]) => Promise<string>,
  ): Promise<void> {
    const filter = buildDeadLetterFilter(selection);
    const selected = await collection
      .find(filter, { sort: NEWEST_FIRST, limit: Math.min(limit, MAX_SELECTED) })
      .project<DeadLetterVersion>({ _id: 1, last_failed_at: 1 })
      .toArray();
    if (selected.length === 0) {
      print('No dead letter matches.');
      return;
    }
    const total = await collection.countDocuments(filter);
    const others = total > selected.length ? `, the newest of ${total}` : '';
    if (await confirm(`${verb} ${describeCount(selected.length)}${others}?`)) {
      print(await work(selected));
    }
  }

  return {
    list: async (selection, limit) => {
      const filter = buildDeadLetterFilter(selection);
      const found = collection.find(filter, { sort: NEWEST_FIRST, limit });
      for await (const letter of found) {
        print(formatLine(letter));
      }
      const total = await collection.countDocuments(filter);
      const shown = total > limit ? `, the newest ${limit} shown` : '';
      print(`${describeCount(total)} in all${shown}.`);
    },
    show: async (id) => {
      const letter = mongo.ObjectId.isValid(id)
        ? await collection.findOne({ _id: new mongo.ObjectId(id) })
        : null;
      print(letter ? JSON.stringify(withParsedContent(letter), null, 2) : `There is no dead letter ${id}.`);
      return letter !== null;
    },
    replay: (selection, limit = MAX_SELECTED) =>
      confirmAndRun('Replay', selection, limit, async (selected) => {
        const { replayed, skipped } = await replayDeadLetters({
          collection,
          selected,
          queue: await openQueue(),
          onProgress: (soFar) => showProgress(`${soFar.replayed} back in the queue`),
        });
        const rest =
          skipped > 0 ? `; ${describeCount(skipped)} skipped, because the content is not an event` : '';
        return `${describeCount(replayed)} put back into the queue${rest}.`;
      }),
    purge: (selection, limit = MAX_SELECTED) =>
      confirmAndRun('Delete for good', selection, limit, async (selected) => {
        let deleted = 0;
        for (const page of chunk(selected, DELETE_PAGE)) {
          deleted += await deleteDeadLetters(collection, page);
          showProgress(`${deleted} deleted`);
        }
        return `${describeCount(deleted)} deleted.`;
      }),
  };
}

function formatLine({ _id, last_failed_at, site_id, attempts, reason }: DeadLetterRecord): string {
  const fields = [_id.toHexString(), last_failed_at.toISOString(), site_id ?? '-', attempts, reason];
  return escapeControls(fields.join('  '));
}

/** Replaces the JSON text of the content by the object, which is easier to read. */
function withParsedContent({ raw, ...letter }: DeadLetterRecord): object {
  return raw === undefined ? letter : { ...letter, raw: JSON.parse(raw || 'null') };
}

/** Escapes control characters as JSON does. Clients choose site ids, and a terminal would execute them. */
function escapeControls(line: string): string {
  return line.replace(
    /\p{Cc}/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function describeCount(count: number): string {
  return count === 1 ? '1 dead letter' : `${count} dead letters`;
}
