/** When the budget is used up, a body that has been arriving for longer than this is refused (ms). */
const SLOW_BODY_MS = 5000;

/** The bytes of one body in the budget. */
interface BodyHold {
  /** Reserves more bytes. Returns `false` if the budget has no room for them. */
  grow(bytes: number): boolean;
  /** Marks the body as complete. It is no longer refused to make room for others. */
  complete(): void;
  /** Releases all bytes. Further calls do nothing. */
  release(): void;
}

export interface BodyBudget {
  /** The reserved bytes. */
  readonly usedBytes: number;
  /**
   * Begins to count a body. Calls `refuse` if the body must make room for another; its bytes have been
   * released then.
   */
  open(refuse: () => void): BodyHold;
}

export interface BodyBudgetOptions {
  budgetBytes: number;
  /** A monotonic clock (ms). */
  now?: () => number;
}

/**
 * Bounds the bytes of all bodies that arrive or are decompressed in a process. When the budget is used up,
 * the oldest slow bodies are refused, so that slow senders cannot block others. If no body is slow, the new
 * one is refused: otherwise bodies would be refused shortly before their end, and none would finish.
 */
export function createBodyBudget({
  budgetBytes,
  now = () => performance.now(),
}: BodyBudgetOptions): BodyBudget {
  let usedBytes = 0;
  /** The bodies that are still arriving, oldest first. */
  const arriving = new Set<{ sinceMs: number; yieldRoom: () => void }>();

  function makeRoom(bytes: number): boolean {
    for (const { sinceMs, yieldRoom } of arriving) {
      if (usedBytes + bytes <= budgetBytes || now() - sinceMs < SLOW_BODY_MS) {
        break;
      }
      yieldRoom();
    }
    return usedBytes + bytes <= budgetBytes;
  }

  return {
    get usedBytes() {
      return usedBytes;
    },
    open: (refuse) => {
      let heldBytes = 0;
      let isOpen = true;
      const release = () => {
        isOpen = false;
        usedBytes -= heldBytes;
        heldBytes = 0;
        arriving.delete(entry);
      };
      const entry = {
        sinceMs: now(),
        yieldRoom: () => {
          release();
          refuse();
        },
      };
      arriving.add(entry);
      return {
        grow: (bytes) => {
          // Making room may have refused this body.
          const hasRoom = makeRoom(bytes) && isOpen;
          if (hasRoom) {
            heldBytes += bytes;
            usedBytes += bytes;
          }
          return hasRoom;
        },
        complete: () => arriving.delete(entry),
        release,
      };
    },
  };
}
