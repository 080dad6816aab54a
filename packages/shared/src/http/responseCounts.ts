import type { Express, Response } from 'express';

/** The text of the status may be left out, and the headers are the second argument then. */
type WriteHead = (this: Response, status: number, text?: unknown, headers?: unknown) => Response;

export interface ResponseCounts {
  /** Returns the responses with a class of status (2 for 200 to 299) since the last call. */
  take(statusClass: number): number;
}

/**
 * Counts the responses of an app by the class of their status. Every response writes its head once, so that
 * costs one addition; a listener on each response would cost more than all else that the server does.
 */
export function countResponses(app: Express): ResponseCounts {
  const counts = [0, 0, 0, 0, 0, 0];
  const writeHead = app.response.writeHead as WriteHead;
  // Without rest parameters, which would make an array for each response.
  app.response.writeHead = function countHead(
    this: Response,
    status: number,
    text?: unknown,
    headers?: unknown,
  ) {
    const statusClass = (status / 100) | 0;
    counts[statusClass] = (counts[statusClass] ?? 0) + 1;
    return writeHead.call(this, status, text, headers);
  };
  return {
    take: (statusClass) => {
      const count = counts[statusClass] ?? 0;
      counts[statusClass] = 0;
      return count;
    },
  };
}
