/** A status line on the terminal, which each `show` overwrites. */
export interface Progress {
  /** False in a pipe or a file, so that callers can skip measuring the progress. */
  isVisible: boolean;
  show(text: string): void;
  clear(): void;
}

/** Prints a line for the user. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Prints a line about an error or a warning. */
export function printError(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Shows progress on `stream` if it is a terminal, and nothing if it is a file or a pipe. */
export function createProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  if (!stream.isTTY) {
    return { isVisible: false, show: () => {}, clear: () => {} };
  }
  const clear = () => stream.write('\r\u001b[2K');
  return {
    isVisible: true,
    show: (text) => {
      clear();
      stream.write(text.slice(0, (stream.columns || 80) - 1));
    },
    clear,
  };
}
