/** The fields of an error in the log. */
interface SerializedError {
  type: string;
  /** The message, with those of the causes. */
  message: string;
  /** The stack, with those of the causes. */
  stack: string;
  aggregateErrors?: SerializedError[];
  /** The command that Redis answered with this error. */
  command?: string;
  [detail: string]: unknown;
}

/**
 * Properties that Node and the drivers add to an error and that contain no part of an event. Others may: a
 * ReplyError has the arguments of its command, and a failed insert has its documents.
 */
const SAFE_DETAILS = ['code', 'codeName', 'errno', 'syscall', 'status', 'statusCode'];

/** The deepest cause that is logged. */
const MAX_DEPTH = 5;

/** Redis repeats an unknown command: `unknown command 'x', with args beginning with: …`. */
const REPEATED_ARGUMENTS = /,? with args beginning with:[^\n]*/g;

/** Converts an error and its causes to fields without event data. Returns any other value as it is. */
export function serializeError(error: unknown): unknown {
  return error instanceof Error ? serialize(error, MAX_DEPTH) : error;
}

function serialize(error: Error & { command?: { name?: unknown } }, depth: number): SerializedError {
  const chain = [...listCauses(error, depth)];
  const errors: unknown = (error as AggregateError).errors;
  const command = error.command?.name;
  return {
    type: error.constructor?.name || error.name,
    message: withoutArguments(chain.map(({ message }) => message).join(': ')),
    stack: withoutArguments(chain.map(({ stack = '' }) => stack).join('\ncaused by: ')),
    ...pickDetails(error),
    ...(typeof command === 'string' && { command }),
    ...(Array.isArray(errors) && {
      aggregateErrors: errors.flatMap((each) =>
        each instanceof Error && depth > 0 ? [serialize(each, depth - 1)] : [],
      ),
    }),
  };
}

function* listCauses(error: Error, depth: number): Generator<Error> {
  yield error;
  if (error.cause instanceof Error && depth > 0) {
    yield* listCauses(error.cause, depth - 1);
  }
}

function pickDetails(error: Error): Record<string, unknown> {
  const details = error as unknown as Record<string, unknown>;
  const picked = SAFE_DETAILS.filter((name) => ['string', 'number'].includes(typeof details[name]));
  return Object.fromEntries(picked.map((name) => [name, details[name]]));
}

function withoutArguments(text: string): string {
  return text.replace(REPEATED_ARGUMENTS, '');
}
