import { createLimiter, type Limiter, type Release } from './limiter.ts';

const MIB = 1024 * 1024;

/** The memory of all small reports together, and of each. */
const SHARED_BYTES = 64 * MIB;
const SMALL_REPORT_BYTES = 24 * MIB;

/** The memory of the large report. There is one at a time. */
const LARGE_REPORT_BYTES = 144 * MIB;

const LOOK_UPS_AT_ONCE = 2;

/** Small reports have no memory left: start again as a large report. */
export class MemoryShortError extends Error {
  override readonly name = 'MemoryShortError';
}

/** A report is too large for this process: MongoDB must compute it. */
export class TooLargeError extends Error {
  override readonly name = 'TooLargeError';
}

/** The memory of one attempt at a report. All sizes are estimates, in bytes. */
export interface MemoryAccount {
  /** Whether it is the large report, which reads data again instead of holding it. */
  readonly isLarge: boolean;
  /**
   * Reserves memory before it is used.
   *
   * @throws MemoryShortError in a small report that does not fit beside the others, or is not small.
   * @throws TooLargeError in a large report.
   */
  take(bytes: number): void;
  /** Frees memory. */
  give(bytes: number): void;
  /** Frees all of it. The account accepts no more. */
  close(): void;
}

/** The memory that all reports of a process share. */
export interface ReportMemory {
  openSmall(): MemoryAccount;
  /** Waits until no other report is large. Waiting sites are served in rotation. */
  openLarge(site_id: string, signal: AbortSignal): Promise<MemoryAccount>;
  /** Waits for a permit to look up users. A lookup takes about 30 MiB that no account contains. */
  acquireLookUp(signal: AbortSignal): Promise<Release>;
}

export interface ReportMemoryOptions {
  sharedBytes?: number;
  smallReportBytes?: number;
  largeReportBytes?: number;
}

/**
 * Bounds the memory of all reports together, so that the process stays below 512 MB. A small report never
 * waits. If it exceeds its limit, it frees its memory and begins again as a large report. So no report holds
 * memory for which another one waits.
 */
export function createReportMemory({
  sharedBytes = SHARED_BYTES,
  smallReportBytes = SMALL_REPORT_BYTES,
  largeReportBytes = LARGE_REPORT_BYTES,
}: ReportMemoryOptions = {}): ReportMemory {
  const large = createLine(1);
  const lookUps = createLine(LOOK_UPS_AT_ONCE);
  let sharedInUse = 0;
  return {
    openSmall: () =>
      createAccount({
        isLarge: false,
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
    openLarge: async (site_id, signal) => {
      const release = await large.acquire(site_id, signal);
      return createAccount({
        isLarge: true,
        take: (bytes, held) => {
          if (held + bytes > largeReportBytes) {
            throw new TooLargeError(`The report needs more than ${largeReportBytes} bytes of memory.`);
          }
        },
        onClose: release,
      });
    },
    acquireLookUp: (signal) => lookUps.acquire('', signal),
  };
}

/** A limiter for reports that have a permit already, which bounds how many wait. */
function createLine(maxRunning: number): Limiter {
  return createLimiter({ maxRunning, maxRunningOfOwner: maxRunning, maxWaiting: Number.POSITIVE_INFINITY });
}

interface AccountRules {
  isLarge: boolean;
  take: (bytes: number, held: number) => void;
  give?: (bytes: number) => void;
  onClose?: () => void;
}

function createAccount({ isLarge, take, give, onClose }: AccountRules): MemoryAccount {
  let held = 0;
  let isOpen = true;
  return {
    isLarge,
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

/**
 * The memory of a value in a map of numbers: the entry of the map, which doubles when it grows, and the text.
 */
export function estimateValueBytes(value: unknown): number {
  return ENTRY_BYTES + (typeof value === 'string' ? estimateTextBytes(value) : 0);
}

const ENTRY_BYTES = 80;

/** V8 keeps a text in one byte for each code unit if all of them fit. */
export function estimateTextBytes(text: string): number {
  return BEYOND_LATIN_1.test(text) ? 2 * text.length : text.length;
}

const BEYOND_LATIN_1 = /[\u0100-\uffff]/;
