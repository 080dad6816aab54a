/** The unparsed data of a job. It should be JSON. */
export class JobText {
  readonly text: string;
  /** The length of `text` in UTF-8. */
  readonly bytes: number;

  constructor(text: string) {
    this.text = text;
    this.bytes = Buffer.byteLength(text);
  }

  /** The parsed JSON, or the text itself if it is not JSON. */
  parse(): unknown {
    try {
      return JSON.parse(this.text);
    } catch {
      return this.text;
    }
  }

  /** BullMQ serializes the data of a repeated job for the next repetition. */
  toJSON(): unknown {
    return this.parse();
  }
}
