import { createEventQueue, type EventQueueOptions } from '../src/eventQueue.ts';
import type { ReceivedAnswer } from '../src/requester.ts';

const START_MS = Date.parse('2025-11-12T19:30:01Z');
export const VIEW = { site_id: 'site', event_type: 'page_view', path: '/' };

const accept = (accepted: number): ReceivedAnswer => ({
  status: 202,
  body: { success: true, accepted },
  retryAfterMs: undefined,
});
/** An answer that is a problem. */
export const answer = (status: number, detail: string, retryAfterMs?: number): ReceivedAnswer => ({
  status,
  body: { type: 'about:blank', title: '', status, detail },
  retryAfterMs,
});

type Sent = { path: string; event_id: string; timestamp: string }[];

/**
 * A queue whose clock stands still until `advance`, and whose service gives the answers in turn. Then it
 * accepts everything.
 */
export function startQueue(answers: (ReceivedAnswer | Error)[] = [], options: EventQueueOptions = {}) {
  const sent: Sent[] = [];
  const dropped: string[] = [];
  let nowMs = START_MS;
  let timers: { atMs: number; wake: () => void }[] = [];
  const queue = createEventQueue(
    (body) => {
      const { events } = JSON.parse(body) as { events: Sent };
      sent.push(events);
      const next = answers.shift() ?? accept(events.length);
      return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
    },
    {
      random: () => 0,
      clock: {
        now: () => nowMs,
        wakeAfter: (ms, wake) => {
          const timer = { atMs: nowMs + ms, wake };
          timers.push(timer);
          return () => {
            timers = timers.filter((other) => other !== timer);
          };
        },
      },
      onDropped: ({ path }, { message }) => dropped.push(`${path} ${message}`),
      ...options,
    },
  );
  async function advance(ms: number): Promise<void> {
    nowMs += ms;
    const due = timers.filter(({ atMs }) => atMs <= nowMs);
    timers = timers.filter((timer) => !due.includes(timer));
    for (const { wake } of due) {
      wake();
    }
    // All promises of this turn.
    await new Promise(setImmediate);
  }
  const sentPaths = () => sent.map((events) => events.map(({ path }) => path).join(' '));
  const track = (...paths: string[]) => queue.trackMany(paths.map((path) => ({ ...VIEW, path })));
  return { queue, track, sent, sentPaths, dropped, advance };
}
