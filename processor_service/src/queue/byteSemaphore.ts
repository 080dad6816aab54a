interface Waiter {
  bytes: number;
  resolve: (isAcquired: boolean) => void;
}

/** A weighted semaphore, first come first served. A request for more than `maxBytes` is granted alone. */
export class ByteSemaphore {
  private readonly maxBytes: number;
  private readonly waiters: Waiter[] = [];
  private acquiredBytes = 0;
  private isClosed = false;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** Resolves with true once the bytes are acquired and must be released, or with false after `close`. */
  async acquire(bytes: number): Promise<boolean> {
    if (this.isClosed) {
      return false;
    }
    if (this.waiters.length === 0 && this.hasRoom(bytes)) {
      this.acquiredBytes += bytes;
      return true;
    }
    return new Promise((resolve) => this.waiters.push({ bytes, resolve }));
  }

  release(bytes: number): void {
    this.acquiredBytes -= bytes;
    for (let next = this.waiters[0]; next && this.hasRoom(next.bytes); next = this.waiters[0]) {
      this.waiters.shift();
      this.acquiredBytes += next.bytes;
      next.resolve(true);
    }
  }

  /** Ends every wait, and grants nothing from now on. */
  close(): void {
    this.isClosed = true;
    for (const { resolve } of this.waiters.splice(0)) {
      resolve(false);
    }
  }

  private hasRoom(bytes: number): boolean {
    return this.acquiredBytes === 0 || this.acquiredBytes + bytes <= this.maxBytes;
  }
}
