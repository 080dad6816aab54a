import type { IncomingMessage, ServerResponse } from 'node:http';

const waiting = new WeakMap<IncomingMessage, ServerResponse>();

/** Delays the `100 Continue` of a request until `sendContinue`. */
export function holdContinue(request: IncomingMessage, response: ServerResponse): void {
  waiting.set(request, response);
}

/**
 * Tells a client that waits for it to send its body. Call it when nothing is left to refuse the request for;
 * a refusal instead of it ends the connection, because the client may send the body or not.
 */
export function sendContinue(request: IncomingMessage): void {
  waiting.get(request)?.writeContinue();
  waiting.delete(request);
}
