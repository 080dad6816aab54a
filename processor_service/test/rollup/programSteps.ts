/** Stops a program before its next step, until the test lets it continue. */
export type Pause = () => Promise<void>;

/** A program that is under way and stands before one of its steps, or is through. */
interface SteppedProgram {
  /** Lets it take one step; resolves when it stands before the next one. Does nothing once it is through. */
  takeStep(): Promise<void>;
  /** Lets it take all that are left. */
  finish(): Promise<void>;
}

function startProgram(run: (pause: Pause) => Promise<void>): SteppedProgram {
  let isThrough = false;
  let goOn = () => {};
  let halt = () => {};
  const untilHalted = () =>
    new Promise<void>((resolve) => {
      halt = resolve;
    });
  let halted = untilHalted();
  const pause = () =>
    new Promise<void>((resolve) => {
      goOn = resolve;
      halt();
    });
  const through = run(pause).finally(() => {
    isThrough = true;
    halt();
  });
  const takeStep = async () => {
    await halted;
    if (!isThrough) {
      halted = untilHalted();
      goOn();
      await halted;
    }
  };
  return {
    takeStep,
    finish: async () => {
      while (!isThrough) {
        await takeStep();
      }
      await through;
    },
  };
}

/** Runs programs side by side, one step at a time, in the order of their indexes; then each to its end. */
export async function runInOrder(
  order: readonly number[],
  programs: readonly ((pause: Pause) => Promise<void>)[],
): Promise<void> {
  const started = programs.map(startProgram);
  for (const index of order) {
    await started[index]?.takeStep();
  }
  for (const program of started) {
    await program.finish();
  }
}

/** Every order in which two programs of so many steps can take them. */
export function listOrders(firstSteps: number, secondSteps: number): number[][] {
  if (firstSteps === 0 || secondSteps === 0) {
    return [[...new Array(firstSteps).fill(0), ...new Array(secondSteps).fill(1)]];
  }
  return [
    ...listOrders(firstSteps - 1, secondSteps).map((order) => [0, ...order]),
    ...listOrders(firstSteps, secondSteps - 1).map((order) => [1, ...order]),
  ];
}
