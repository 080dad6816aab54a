/** The paths of events that a worker does not survive once it has loaded `poisonedInserts.ts`: it exits, or runs out of memory. */
export const EXIT_PATH = '/poison/exit';
export const MEMORY_PATH = '/poison/memory';
