import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createBodies } from './events.ts';

const TIMEOUT_MS = 10_000;
const LATENCY_STEPS_PER_MS = 100;

export interface Load {
  url: string;
  seconds: number;
  connections: number;
  /** Events in each POST; 0 sends GET requests. */
  eventsPerRequest: number;
}

/** What the load generator saw in one run. */
export interface LoadResult {
  seconds: number;
  /** Answers with a status of 2xx. */
  accepted: number;
  /** Answers with status 503. */
  unavailable: number;
  /** Answers with any other status. */
  otherErrors: number;
  /** Connections refused, reset or timed out. */
  socketErrors: number;
  p99Ms: number;
}

/**
 * Loads a server: each connection sends its next request when the last one is answered. It speaks HTTP over
 * plain sockets, because the generator shares the machine with the server: it takes 11 to 29 µs of CPU per
 * request (wrk 9 to 18), while autocannon needs a whole core for half of what a bare server answers.
 */
export async function sendLoad({ url, seconds, connections, eventsPerRequest }: Load): Promise<LoadResult> {
  const address = new URL(url);
  const requests = createRequests(address, eventsPerRequest);
  const counts = { accepted: 0, unavailable: 0, otherErrors: 0, socketErrors: 0 };
  /** The number of answers per latency step. The last step includes everything slower. */
  const latencies = new Uint32Array(TIMEOUT_MS * LATENCY_STEPS_PER_MS + 1);
  const sockets = new Set<Socket>();
  let requestCount = 0;
  let isOver = false;

  const nextRequest = () => requests[requestCount++ % requests.length] ?? '';
  const countAnswer = (status: number, latencyMs: number) => {
    const isAccepted = status >= 200 && status < 300;
    counts[isAccepted ? 'accepted' : status === 503 ? 'unavailable' : 'otherErrors'] += 1;
    const step = Math.min(Math.round(latencyMs * LATENCY_STEPS_PER_MS), latencies.length - 1);
    latencies[step] = (latencies[step] ?? 0) + 1;
  };
  const open = () => {
    const socket = openConnection(address, nextRequest, countAnswer);
    sockets.add(socket);
    socket.on('close', () => {
      sockets.delete(socket);
      if (!isOver) {
        counts.socketErrors += 1;
        open();
      }
    });
  };

  const startMs = performance.now();
  for (let connection = 0; connection < connections; connection += 1) {
    open();
  }
  await delay(seconds * 1000);
  isOver = true;
  const result = { ...counts, seconds: (performance.now() - startMs) / 1000 };
  for (const socket of sockets) {
    socket.destroy();
  }
  return { ...result, p99Ms: findPercentileStep(latencies, 0.99) / LATENCY_STEPS_PER_MS };
}

function createRequests({ pathname, search, host }: URL, eventsPerRequest: number): Buffer[] {
  const head = `${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n`;
  if (eventsPerRequest === 0) {
    return [Buffer.from(`GET ${head}\r\n`)];
  }
  return createBodies(eventsPerRequest).map((body) => {
    const length = Buffer.byteLength(body);
    return Buffer.from(
      `POST ${head}Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`,
    );
  });
}

function openConnection(
  { hostname, port }: URL,
  nextRequest: () => Buffer | string,
  onAnswer: (status: number, latencyMs: number) => void,
): Socket {
  const buffer = Buffer.allocUnsafe(65_536);
  let sentMs = 0;
  let partialAnswer: Buffer | undefined;
  const send = () => {
    sentMs = performance.now();
    socket.write(nextRequest());
  };
  const receive = (length: number): boolean => {
    const chunk = buffer.subarray(0, length);
    const answer = partialAnswer ? Buffer.concat([partialAnswer, chunk]) : chunk;
    const status = readStatus(answer);
    // A copy: the next chunk overwrites the buffer.
    partialAnswer = status === undefined ? Buffer.from(answer) : undefined;
    if (status !== undefined) {
      onAnswer(status, performance.now() - sentMs);
      send();
    }
    return true;
  };
  const onread = { buffer, callback: receive };
  const socket = connect({ host: hostname, port: Number(port), noDelay: true, onread });
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy());
  socket.on('connect', send);
  // The 'close' that follows is counted.
  socket.on('error', () => {});
  return socket;
}

/**
 * The status of an answer; undefined until the answer is complete.
 *
 * @throws Error if the answer has no Content-Length.
 */
function readStatus(answer: Buffer): number | undefined {
  const headLength = answer.indexOf('\r\n\r\n');
  if (headLength < 0) {
    return undefined;
  }
  const head = answer.toString('latin1', 0, headLength);
  const bodyLength = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (bodyLength === undefined) {
    throw new Error(`An answer has no Content-Length:\n${head}`);
  }
  return answer.length < headLength + 4 + Number(bodyLength) ? undefined : Number(head.slice(9, 12));
}

/** The first step that includes the given share of all counts. */
function findPercentileStep(counts: Uint32Array, share: number): number {
  const rank = share * counts.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  return counts.findIndex((count) => {
    seen += count;
    return seen >= rank;
  });
}
