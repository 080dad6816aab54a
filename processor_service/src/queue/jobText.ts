/** A job's data as Redis has it: JSON that nobody parsed yet, or what should be JSON and is not. */
export class JobText {
  readonly text: string;
  /** The length of `text` in UTF-8. */
  readonly bytes: number;

  constructor(text: string) {
    this.text = text;
    this.bytes = Buffer.byteLength(text);
  }

  /**
   * Whatever stands there, as itself if it is JSON and else as text. BullMQ's own reading throws at the
   * latter.
   */
  parse(): unknown {
    try {
      return JSON.parse(this.text);
    } catch {
      return this.text;
    }
  }

  /** BullMQ serializes a repeated job's data for the next one. */
  toJSON(): unknown {
    return this.parse();
  }
}
