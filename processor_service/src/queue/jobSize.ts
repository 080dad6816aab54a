import { MAX_JOB_BYTES } from '@analytics/shared/event/eventQueue';

/** A UTF-16 code unit takes at most this many bytes of UTF-8. */
const MAX_UNIT_BYTES = 3;

/** Why job data of this length is not read. Undefined: it is. */
export function describeOversize(bytes: number): string | undefined {
  return bytes > MAX_JOB_BYTES
    ? `The job's data is ${toMebibytes(bytes)} MiB long; more than ${toMebibytes(MAX_JOB_BYTES)} MiB is not read.`
    : undefined;
}

/** `describeOversize` for a text. Measures its UTF-8 only if the number of code units does not decide. */
export function describeOversizeText(data: string): string | undefined {
  return data.length * MAX_UNIT_BYTES > MAX_JOB_BYTES ? describeOversize(Buffer.byteLength(data)) : undefined;
}

/** Formats a number of bytes in mebibytes. */
export function toMebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
