import { TooManyValuesError } from './rollup/tooManyValues.ts';
import { createTurns } from './turns.ts';

const MIB = 1024 * 1024;

/** What small reports may hold together, and one of them at most. */
const SHARED_BYTES = 64 * MIB;
const SMALL_REPORT_BYTES = 16 * MIB;

/** What a large report may hold. There is only one at a time. */
const LARGE_REPORT_BYTES = 144 * MIB;

/** Small reports have no room left: do the work again as a large report. */
export class MemoryShortError extends Error {
  override readonly name = 'MemoryShortError';
}

/** The memory of one attempt at a report. All sizes are estimates, in bytes. */
export interface MemoryAccount {
  /**
   * Notes memory before it is used.
   *
   * @throws MemoryShortError in a small report that does not fit beside the others, or is not small.
   * @throws TooManyValuesError in a large report that is too large even so: MongoDB must do the work.
   */
  take(bytes: number): void;
  /** Notes that memory is free again. */
  give(bytes: number): void;
  /** Frees all that was taken. Nothing can be taken any more. */
  close(): void;
}

/** The memory that all reports of a process share. */
export interface ReportMemory {
  openSmall(): MemoryAccount;
  /** Waits until no other report is large. */
  openLarge(signal: AbortSignal): Promise<MemoryAccount>;
}

export interface ReportMemoryOptions {
  sharedBytes?: number;
  smallReportBytes?: number;
  largeReportBytes?: number;
}

/**
 * Bounds what all reports hold together, so that the process stays below 512 MB. A small report never waits. One that
 * turns out not to be small gives back what it holds and begins again in the line of large reports: nobody waits while
 * holding what another one waits for.
 */
export function createReportMemory({
  sharedBytes = SHARED_BYTES,
  smallReportBytes = SMALL_REPORT_BYTES,
  largeReportBytes = LARGE_REPORT_BYTES,
}: ReportMemoryOptions = {}): ReportMemory {
  const large = createTurns({
    maxRunning: 1,
    maxRunningOfOwner: 1,
    maxWaiting: Number.POSITIVE_INFINITY,
  });
  let sharedInUse = 0;
  return {
    openSmall: () =>
      createAccount({
        take: (bytes, held) => {
          if (held + bytes > smallReportBytes || sharedInUse + bytes > sharedBytes) {
            throw new MemoryShortError('The report needs more memory than a small one may have.');
          }
          sharedInUse += bytes;
        },
        give: (bytes) => {
          sharedInUse -= bytes;
        },
      }),
    openLarge: async (signal) => {
      const passTurn = await large.take('', signal);
      return createAccount({
        take: (bytes, held) => {
          if (held + bytes > largeReportBytes) {
            throw new TooManyValuesError(`The report needs more than ${largeReportBytes} bytes of memory.`);
          }
        },
        onClose: passTurn,
      });
    },
  };
}

interface AccountRules {
  take: (bytes: number, held: number) => void;
  give?: (bytes: number) => void;
  onClose?: () => void;
}

function createAccount({ take, give, onClose }: AccountRules): MemoryAccount {
  let held = 0;
  let isOpen = true;
  return {
    take: (bytes) => {
      if (!isOpen) {
        throw new MemoryShortError('The attempt at the report is over.');
      }
      take(bytes, held);
      held += bytes;
    },
    give: (bytes) => {
      if (isOpen) {
        held -= bytes;
        give?.(bytes);
      }
    },
    close: () => {
      if (isOpen) {
        isOpen = false;
        give?.(held);
        onClose?.();
      }
    },
  };
}

/** What a value costs where it is remembered with a number: the entry of a map, and its text at two bytes a code unit. */
export function estimateValueBytes(value: unknown): number {
  return 100 + (typeof value === 'string' ? 2 * value.length : 0);
}
