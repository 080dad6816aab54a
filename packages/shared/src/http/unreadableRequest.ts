import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { closeLingering, isLingering } from './lingeringClose.ts';
import { createProblem } from './problem.ts';

const STATUS_OF_ERRORS: Record<string, number> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  HPE_HEADER_OVERFLOW: 431,
};

const DETAILS: Record<number, string> = {
  400: 'This is not a readable HTTP request.',
  408: 'The request did not arrive in time.',
  413: 'The extensions of a chunk are too large.',
  431: 'The request headers are too large.',
};

/**
 * Answers bytes that are not HTTP, which never reach the app. A `pending` earlier request of the connection
 * gets its response first.
 */
export function answerUnreadableRequest(
  error: NodeJS.ErrnoException,
  socket: Socket,
  pending: ServerResponse | undefined,
): void {
  if (isLingering(socket)) {
    return;
  }
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = STATUS_OF_ERRORS[error.code ?? ''] ?? 400;
  const answer = () => endWithProblem(socket, status, DETAILS[status] ?? '');
  if (pending === undefined) {
    answer();
  } else if (pending.req.complete || pending.headersSent) {
    pending.once('close', answer);
  } else if (pending.socket === null) {
    pending.once('socket', answer);
  } else {
    answer();
  }
}

/** Writes a problem to a connection without an app, and closes it. */
export function endWithProblem(socket: Socket, status: number, detail: string): void {
  if (socket.writable) {
    const problem = createProblem(status, detail);
    const body = JSON.stringify(problem);
    socket.write(
      `HTTP/1.1 ${status} ${problem.title}\r\nContent-Type: application/problem+json; charset=utf-8\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  }
  closeLingering(socket);
}
