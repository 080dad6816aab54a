import type { EventJob } from '@analytics/shared/event/event';
import { MAX_JOB_EVENTS } from '@analytics/shared/event/eventQueue';
import type { StoreOutcome } from '../database/writeErrors.ts';
import type { EventStore } from './eventStore.ts';

/**
 * Two writes under way keep MongoDB busy while the next one is being prepared; more only make each one
 * smaller.
 */
const MAX_WRITES_UNDER_WAY = 2;

/**
 * About as many events as MongoDB takes well in one insert. A single job that holds more is still written
 * whole.
 */
const MAX_WRITE_EVENTS = 2 * MAX_JOB_EVENTS;

interface Waiting {
  events: readonly EventJob[];
  resolve: (outcomes: StoreOutcome[]) => void;
  reject: (error: unknown) => void;
}

/**
 * Puts jobs that run at the same time into one insert: what arrives while MongoDB is busy with others waits
 * in line and goes together in the next one. No timer: an idle worker writes one job at once.
 */
export function groupWrites({
  storeEvents,
}: Pick<EventStore, 'storeEvents'>): Pick<EventStore, 'storeEvents'> {
  const line: Waiting[] = [];
  let writesUnderWay = 0;

  function writeLine(): void {
    while (line.length > 0 && writesUnderWay < MAX_WRITES_UNDER_WAY) {
      writesUnderWay += 1;
      void write(takeGroup(line)).finally(() => {
        writesUnderWay -= 1;
        writeLine();
      });
    }
  }

  async function write(group: Waiting[]): Promise<void> {
    try {
      const outcomes = await storeEvents(group.flatMap(({ events }) => events));
      let start = 0;
      for (const { events, resolve } of group) {
        resolve(outcomes.slice(start, start + events.length));
        start += events.length;
      }
    } catch (error) {
      for (const { reject } of group) {
        reject(error);
      }
    }
  }

  return {
    storeEvents: (events) =>
      new Promise((resolve, reject) => {
        line.push({ events, resolve, reject });
        // Lets jobs that were taken off the queue in the same moment take their places first.
        setImmediate(writeLine);
      }),
  };
}

function takeGroup(line: Waiting[]): Waiting[] {
  let end = 0;
  for (let count = 0; end < line.length; end += 1) {
    count += line[end]?.events.length ?? 0;
    if (end > 0 && count > MAX_WRITE_EVENTS) {
      break;
    }
  }
  return line.splice(0, end);
}
