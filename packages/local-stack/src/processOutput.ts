import type { ChildProcessByStdio } from 'node:child_process';
import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

const KEPT_LINES = 200;

export interface OutputReceivers {
  /** The file to which every line is appended. */
  logFile?: string | undefined;
  onLine?: ((line: string) => void) | undefined;
}

/**
 * Reads the output of a child process by lines. Returns an array that always holds its last 200 lines.
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
