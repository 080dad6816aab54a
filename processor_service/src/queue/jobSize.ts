import { MAX_JOB_BYTES } from '@analytics/shared/event/eventQueue';

/** A UTF-16 code unit takes at most this many bytes of UTF-8. */
const MAX_UNIT_BYTES = 3;

/** Why a job's data is not read, if it has that many bytes. */
export function describeOversize(bytes: number): string | undefined {
  return bytes > MAX_JOB_BYTES
    ? `The job's data is ${toMebibytes(bytes)} MiB long; more than ${toMebibytes(MAX_JOB_BYTES)} MiB is not read.`
    : undefined;
}

/** The same of data that is there as text. Counts its bytes only where its length leaves a doubt. */
export function describeOversizeText(data: string): string | undefined {
  return data.length * MAX_UNIT_BYTES > MAX_JOB_BYTES ? describeOversize(Buffer.byteLength(data)) : undefined;
}

/** Writes a number of bytes in mebibytes. */
export function toMebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
