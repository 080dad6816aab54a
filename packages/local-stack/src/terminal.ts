/** One line on the terminal that is overwritten until it is cleared. */
export interface Progress {
  /** False where nobody watches: then nothing needs to be measured either. */
  isVisible: boolean;
  show(text: string): void;
  clear(): void;
}

/** Writes a sentence for the person who started the program. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Writes a sentence about something that went wrong. */
export function complain(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Shows progress on `stream` if that is a terminal, and nothing at all if it is a file or a pipe. */
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
