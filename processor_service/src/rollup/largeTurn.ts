/** Up to this size counts are made beside each other, in bytes. */
const MAX_SMALL_BYTES = 8 * 1024 * 1024;

/** Gives those who count buckets their turns to make large ones, so that together they need the memory of one. */
export interface LargeTurns {
  /** The part of one of them, who ends it when nothing is held any more. */
  join(): LargeTurn;
}

export interface LargeTurn {
  /** Tells what is held now, in bytes. Where that is much, resolves when nobody else holds much. */
  hold(bytes: number): Promise<void> | undefined;
  /** Nothing is held any more. */
  end(): void;
}

export function createLargeTurns(maxSmallBytes = MAX_SMALL_BYTES): LargeTurns {
  let last: Promise<void> = Promise.resolve();

  return {
    join: () => {
      let leave: (() => void) | undefined;
      return {
        hold: (bytes) => {
          if (bytes <= maxSmallBytes || leave) {
            return undefined;
          }
          const turn = last;
          last = new Promise((resolve) => {
            leave = resolve;
          });
          return turn;
        },
        end: () => {
          leave?.();
          leave = undefined;
        },
      };
    },
  };
}
