/** An error as a line of the log holds it. */
interface SerializedError {
  type: string;
  /** Its own message and those of its causes. */
  message: string;
  /** Its own stack and those of its causes. */
  stack: string;
  aggregateErrors?: SerializedError[];
  /** The command that Redis answered with this error. */
  command?: string;
  [detail: string]: unknown;
}

/**
 * What Node and the drivers add to an error that tells what happened and holds nothing of an event. Anything
 * else may: a ReplyError has the arguments of its command, and a failed insert its documents.
 */
const SAFE_DETAILS = ['code', 'codeName', 'errno', 'syscall', 'status', 'statusCode'];

/** Causes of causes, and errors in errors, beyond this say nothing more. */
const MAX_DEPTH = 5;

/** Redis repeats what it did not understand: `unknown command 'x', with args beginning with: …`. */
const REPEATED_ARGUMENTS = /,? with args beginning with:[^\n]*/g;

/** Turns an error and its causes into what may be logged. What is no error is left as it is. */
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
