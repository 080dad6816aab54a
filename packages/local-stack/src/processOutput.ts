import type { ChildProcessByStdio } from 'node:child_process';
import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

const KEPT_LINES = 200;

export interface OutputReceivers {
  /** Every line is appended here. */
  logFile?: string | undefined;
  onLine?: ((line: string) => void) | undefined;
}

/**
 * Reads what a child process writes, line by line; returns its last 200 lines, which grow as it writes more.
 */
export function collectOutput(
  child: ChildProcessByStdio<null, Readable, Readable>,
  { logFile, onLine }: OutputReceivers,
): readonly string[] {
  const lines: string[] = [];
  const log = logFile === undefined ? undefined : openLog(logFile);
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on('line', (line) => {
      lines.push(line);
      if (lines.length > KEPT_LINES) {
        lines.shift();
      }
      log?.write(`${line}\n`);
      onLine?.(line);
    });
  }
  child.once('close', () => log?.end());
  return lines;
}

function openLog(file: string): WriteStream {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const log = createWriteStream(file, { flags: 'a', mode: 0o600 });
  log.on('error', (error) => process.emitWarning(`Nothing more is written to ${file}: ${error.message}`));
  return log;
}
