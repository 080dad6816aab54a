/** A body that takes longer than this to arrive makes room when the budget is used up. */
const SLOW_BODY_MS = 5000;

/** The bytes that one body holds. */
interface BodyHold {
  /** Counts more bytes. `false` if there is no room for them. */
  grow(bytes: number): boolean;
  /** The body is complete: it waits for this process only, and no longer makes room for others. */
  complete(): void;
  /** Gives all its bytes back. Does nothing the second time. */
  release(): void;
}

export interface BodyBudget {
  /** How many bytes are held at the moment. */
  readonly usedBytes: number;
  /**
   * Begins to count a body. `refuse` is called when it has to make room for another; its bytes are given back
   * by then.
   */
  open(refuse: () => void): BodyHold;
}

export interface BodyBudgetOptions {
  budgetBytes: number;
  slowBodyMs?: number;
  /** A clock in milliseconds that never goes back. */
  now?: () => number;
}

/**
 * Bounds the bytes of all bodies that a process holds while they arrive or are decompressed. When they are
 * used up, the bodies that have been arriving for longest make room if they are slow, so that slow senders
 * cannot keep others out. If none is slow, the newcomer finds no room: to refuse those that are nearly done
 * would let nobody finish.
 */
export function createBodyBudget({
  budgetBytes,
  slowBodyMs = SLOW_BODY_MS,
  now = () => performance.now(),
}: BodyBudgetOptions): BodyBudget {
  let usedBytes = 0;
  /** Those that are still arriving, oldest first. */
  const arriving = new Set<{ sinceMs: number; yieldRoom: () => void }>();

  function makeRoom(bytes: number): boolean {
    for (const { sinceMs, yieldRoom } of arriving) {
      if (usedBytes + bytes <= budgetBytes || now() - sinceMs < slowBodyMs) {
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
          // To make room may have closed this one.
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
