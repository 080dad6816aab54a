interface Waiting {
  weight: number;
  resolve: (hasTurn: boolean) => void;
}

/**
 * Lets through, first come first served, as much as `maxWeight` holds at a time. What weighs more by itself
 * goes alone.
 */
export class ByteSemaphore {
  private readonly maxWeight: number;
  private readonly line: Waiting[] = [];
  private weight = 0;
  private isClosed = false;

  constructor(maxWeight: number) {
    this.maxWeight = maxWeight;
  }

  /**
   * Resolves with true when it is this one's turn, which it then has to end; with false if `close` came
   * first.
   */
  async take(weight: number): Promise<boolean> {
    if (this.isClosed) {
      return false;
    }
    if (this.line.length === 0 && this.hasRoom(weight)) {
      this.weight += weight;
      return true;
    }
    return new Promise((resolve) => this.line.push({ weight, resolve }));
  }

  /** Ends a turn. */
  end(weight: number): void {
    this.weight -= weight;
    for (let next = this.line[0]; next !== undefined && this.hasRoom(next.weight); next = this.line[0]) {
      this.line.shift();
      this.weight += next.weight;
      next.resolve(true);
    }
  }

  /** Gives no further turn. */
  close(): void {
    this.isClosed = true;
    for (const { resolve } of this.line.splice(0)) {
      resolve(false);
    }
  }

  private hasRoom(weight: number): boolean {
    return this.weight === 0 || this.weight + weight <= this.maxWeight;
  }
}
