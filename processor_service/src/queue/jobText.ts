/** The parsed JSON of a job's data, or the text itself if it is not JSON. It then becomes a dead letter. */
export function parseJobData(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The unparsed data of a job. It should be JSON. */
export class JobText {
  readonly text: string;
  /** The length of `text` in UTF-8. */
  readonly bytes: number;

  constructor(text: string) {
    this.text = text;
    this.bytes = Buffer.byteLength(text);
  }

  parse(): unknown {
    return parseJobData(this.text);
  }

  /** BullMQ serializes the data of a repeated job for the next repetition. */
  toJSON(): unknown {
    return this.parse();
  }
}
