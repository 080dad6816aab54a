import type { Logger } from '@analytics/shared/service/logger';
import type { Connection } from 'mongoose';

/**
 * Log a build that takes longer than this (ms). Most builds find all indexes present, and take milliseconds.
 */
const NOTICE_MS = 1000;

const READ_INTERVAL_MS = 1000;
const LOG_INTERVAL_MS = 30_000;

export interface IndexProgress {
  /** The progress, such as `events: scanning collection, 12057/200000`, or undefined if it is unknown. */
  readonly text: string | undefined;
  /** Starts to read and log the progress. */
  start(): void;
  /** Stops, and logs the end if the start was logged. */
  finish(): void;
  /** Stops without a log line. */
  stop(): void;
}

/** Follows the index builds of these collections, and logs their progress from time to time. */
export function createIndexProgress(
  connection: Connection,
  collectionNames: readonly string[],
  logger: Pick<Logger, 'info'>,
): IndexProgress {
  let text: string | undefined;
  let startedMs = 0;
  let loggedMs: number | undefined;
  let timer: NodeJS.Timeout | undefined;

  async function report(): Promise<void> {
    text = await readBuilds(connection, collectionNames);
    if (timer === undefined) {
      return;
    }
    const nowMs = performance.now();
    if (loggedMs === undefined || nowMs - loggedMs >= LOG_INTERVAL_MS) {
      const message = loggedMs === undefined ? 'building the indexes' : 'still building the indexes';
      loggedMs = nowMs;
      logger.info({ progress: text }, `${message}; events are stored meanwhile`);
    }
    timer = setTimeout(report, READ_INTERVAL_MS);
  }

  function stop(): void {
    clearTimeout(timer);
    timer = undefined;
  }

  return {
    get text() {
      return text;
    },
    start: () => {
      startedMs = performance.now();
      timer = setTimeout(report, NOTICE_MS);
    },
    finish: () => {
      stop();
      if (loggedMs !== undefined) {
        logger.info({ took_ms: Math.round(performance.now() - startedMs) }, 'the indexes are built');
      }
    },
    stop,
  };
}

interface BuildOperation {
  ns: string;
  /** `Index Build: scanning collection Index Build: scanning collection: 12057/200000 6%`. */
  msg: string;
  progress?: { done: number; total: number };
}

async function readBuilds(
  connection: Connection,
  collectionNames: readonly string[],
): Promise<string | undefined> {
  const namespaces = collectionNames.map((name) => `${connection.name}.${name}`);
  try {
    const operations = await connection
      .getClient()
      .db('admin')
      // Builds run without a user.
      .aggregate<BuildOperation>([
        { $currentOp: { allUsers: true } },
        { $match: { ns: { $in: namespaces }, msg: /^Index Build/ } },
      ])
      .toArray();
    return operations.map(describeBuild).sort().join('; ') || undefined;
  } catch {
    // The user may lack the privilege `inprog`, which the build does not need. The watch logs outages of
    // MongoDB.
    return undefined;
  }
}

function describeBuild({ ns, msg, progress }: BuildOperation): string {
  const phase = /^Index Build: (.+?)(?: Index Build:|:|$)/.exec(msg)?.[1] ?? 'building';
  const counts = progress ? `, ${progress.done}/${progress.total}` : '';
  return `${ns.slice(ns.indexOf('.') + 1)}: ${phase}${counts}`;
}
