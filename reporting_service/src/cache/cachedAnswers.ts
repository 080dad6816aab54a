/** The estimated size of an answer beside its body: its key, its map entry and its objects. */
const ENTRY_BYTES = 500;

/** One answer may have this share of the memory. */
const MAX_SHARE = 1 / 8;

/** An answer and its age. */
export interface CachedAnswer {
  /** When its report began to read (ms since 1970). */
  asOfMs: number;
  body: Buffer;
}

export interface CachedAnswers {
  get(key: string): CachedAnswer | undefined;
  /** Caches an answer, unless it is very large. Evicts the least recently used answers beyond the limit. */
  set(key: string, answer: CachedAnswer): void;
}

/** Creates an LRU cache of answers that holds at most `maxBytes`. */
export function createCachedAnswers(maxBytes: number): CachedAnswers {
  /** The least recently used comes first. */
  const answers = new Map<string, CachedAnswer>();
  let newest: string | undefined;
  let bytes = 0;

  function forget(key: string): void {
    const answer = answers.get(key);
    if (answer !== undefined) {
      answers.delete(key);
      bytes -= measure(answer);
    }
  }

  return {
    get: (key) => {
      const answer = answers.get(key);
      // Most requests repeat the previous one, and moving an entry costs more than finding it.
      if (answer !== undefined && key !== newest) {
        answers.delete(key);
        answers.set(key, answer);
        newest = key;
      }
      return answer;
    },
    set: (key, answer) => {
      forget(key);
      if (measure(answer) <= maxBytes * MAX_SHARE) {
        answers.set(key, answer);
        newest = key;
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

function measure({ body }: CachedAnswer): number {
  return ENTRY_BYTES + body.byteLength;
}
