/**
 * The most that a job's data may be long, in characters or bytes. The longest job of our producer has less than 4 MiB;
 * reading much more than this could take all of a worker's memory.
 */
const MAX_JOB_LENGTH = 16 * 1024 * 1024;

/** Why a job's data is not read, if it is that long. */
export function findOversize(length: number): string | undefined {
  return length > MAX_JOB_LENGTH
    ? `The job's data is ${toMebibytes(length)} MiB long; more than ${toMebibytes(MAX_JOB_LENGTH)} MiB is not read.`
    : undefined;
}

function toMebibytes(length: number): string {
  return (length / 1024 / 1024).toFixed(1);
}
