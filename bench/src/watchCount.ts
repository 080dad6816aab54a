import { setTimeout as delay } from 'node:timers/promises';
import type { Point } from './statistics.ts';

/** Often enough for a drain of some seconds, and too seldom to be felt by the servers that are asked. */
const INTERVAL_MS = 50;

/** No contender of ours stands still for so long. */
const STILL_MS = 60_000;

/**
 * Reads a count again and again until `isOver`; the last point is read after that.
 *
 * @throws Error if the count stands still for a minute before it is over.
 */
export async function watchCount(
  read: () => Promise<number>,
  isOver: () => Promise<boolean> | boolean,
): Promise<Point[]> {
  const points: Point[] = [];
  let grewMs = performance.now();
  for (let over = false; !over; ) {
    over = await isOver();
    const point = { value: await read(), atMs: performance.now() };
    if (point.value !== points.at(-1)?.value) {
      grewMs = point.atMs;
    }
    points.push(point);
    if (point.atMs - grewMs > STILL_MS) {
      throw new Error(
        `Nothing was stored for ${STILL_MS / 1000} s, ${point.value} events are, and more are queued.`,
      );
    }
    await delay(over ? 0 : INTERVAL_MS);
  }
  return points;
}
