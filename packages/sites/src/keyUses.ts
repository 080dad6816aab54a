/** Note a key's use at most this often (ms). */
const NOTE_INTERVAL_MS = 60_000;

/** Passes the uses of keys on, at most once a minute for each key. */
export function createKeyUseNotes(
  note: (hash: string, ms: number) => void,
): (hash: string, nowMs: number) => void {
  /** When each key was last noted. It has an entry for each valid key at most. */
  const notedAtMs = new Map<string, number>();
  return (hash, nowMs) => {
    if (nowMs - (notedAtMs.get(hash) ?? Number.NEGATIVE_INFINITY) >= NOTE_INTERVAL_MS) {
      notedAtMs.set(hash, nowMs);
      note(hash, nowMs);
    }
  };
}
