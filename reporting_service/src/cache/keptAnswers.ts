/** What an answer costs beside its body: its key, and its places in a map and on the heap. */
const ENTRY_BYTES = 500;

/** One answer may have this share of the memory. */
const MAX_SHARE = 1 / 8;

/** An answer that may be given again. */
export interface KeptAnswer {
  /** When the reading of it began, in milliseconds since 1970. */
  asOfMs: number;
  body: Buffer;
}

export interface KeptAnswers {
  find(key: string): KeptAnswer | undefined;
  /** Keeps an answer, unless it is very large. Forgets others, those first that nobody asked for the longest. */
  keep(key: string, answer: KeptAnswer): void;
}

/** Keeps answers in the memory of the process, in `maxBytes` at most. */
export function createKeptAnswers(maxBytes: number): KeptAnswers {
  /** The one that was asked for last comes last. */
  const answers = new Map<string, KeptAnswer>();
  let bytes = 0;

  function forget(key: string): void {
    const answer = answers.get(key);
    if (answer !== undefined) {
      answers.delete(key);
      bytes -= measure(answer);
    }
  }

  return {
    find: (key) => {
      const answer = answers.get(key);
      if (answer !== undefined) {
        answers.delete(key);
        answers.set(key, answer);
      }
      return answer;
    },
    keep: (key, answer) => {
      forget(key);
      if (measure(answer) <= maxBytes * MAX_SHARE) {
        answers.set(key, answer);
        bytes += measure(answer);
        for (const oldest of answers.keys()) {
          if (bytes <= maxBytes) {
            break;
          }
          forget(oldest);
        }
      }
    },
  };
}

function measure({ body }: KeptAnswer): number {
  return ENTRY_BYTES + body.byteLength;
}
