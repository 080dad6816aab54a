import { writeFile } from 'node:fs/promises';
import { createEvents } from './events.ts';

/** Writes bodies of `POST /event`, one a line, for a load generator to send. */
export async function writeEventBodies(file: string): Promise<string> {
  return writeLines(file, createEvents(5000));
}

/** Writes bodies of `POST /events` with `size` events each, one a line. */
export async function writeBatchBodies(file: string, size: number): Promise<string> {
  const events = createEvents(size * 50);
  const batches = Array.from({ length: 50 }, (_, index) => ({
    events: events.slice(index * size, (index + 1) * size),
  }));
  return writeLines(file, batches);
}

async function writeLines(file: string, values: readonly unknown[]): Promise<string> {
  await writeFile(file, `${values.map((value) => JSON.stringify(value)).join('\n')}\n`);
  return file;
}
