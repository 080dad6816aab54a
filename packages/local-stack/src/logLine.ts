/** The fields that are read from the JSON log lines of the services (pino) and mongod. */
interface JsonLogLine {
  level?: number;
  msg?: string;
  err?: { message?: string };
  /** mongod's severity: I, W, E or F. */
  s?: string;
  /** mongod's component. */
  c?: string;
  id?: number;
  attr?: { error?: unknown; reason?: unknown; message?: unknown };
}

const PINO_WARN_LEVEL = 40;
const PINO_FATAL_LEVEL = 60;

/**
 * Returns the message of a service's JSON line if it is a warning or an error, otherwise `undefined`. Fatal
 * lines give `undefined` too: the message about the exit of the service includes them.
 */
export function readServiceWarning(line: string): string | undefined {
  const { level = 0, ...entry } = parseJson(line) ?? {};
  return level >= PINO_WARN_LEVEL && level < PINO_FATAL_LEVEL ? describe(entry) : undefined;
}

/**
 * Returns the last error or warning in the output of a program; without one, its last line; without any
 * output, `undefined`.
 */
export function findLastProblem(lines: readonly string[]): string | undefined {
  const index = lines.findLastIndex(isProblem);
  const problem = lines[index];
  if (problem === undefined) {
    const lastLine = lines.findLast((line) => line.trim() !== '');
    return lastLine && toText(lastLine);
  }
  const text = toText(problem);
  // The items of a list of errors are indented below its heading.
  const following = lines.slice(index + 1);
  const end = following.findIndex((line) => !line.startsWith('  '));
  const list = text.endsWith(':') ? following.slice(0, end === -1 ? undefined : end) : [];
  return [text, ...list.map((line) => line.trim())].join(' ');
}

function isProblem(line: string): boolean {
  const entry = parseJson(line);
  if (entry) {
    return (entry.level ?? 0) >= PINO_WARN_LEVEL || isMongoProblem(entry);
  }
  return REDIS_WARNING.test(line) || /^(?!\s+at ).*(error|fatal|fail|cannot|can't|not found)/i.test(line);
}

/** mongod's last line after an abort, "Writing fatal message: Got signal: 6 (Aborted).". */
const MONGO_SIGNAL_ID = 6_384_300;

/** mongod logs the reason for an abort first; the lines after it only report the abort itself. */
function isMongoProblem({ s, c, id }: JsonLogLine): boolean {
  return (s === 'E' || s === 'F') && c !== 'ASSERT' && id !== MONGO_SIGNAL_ID;
}

/**
 * `12345:M 12 Nov 2025 19:30:01.123 # text`. A text that begins with WARNING is about the machine's settings.
 */
const REDIS_WARNING = /^\d+:[A-Z] .* # (?!WARNING)(.+)$/;

function toText(line: string): string {
  const entry = parseJson(line);
  return entry ? describe(entry) : (REDIS_WARNING.exec(line)?.[1] ?? line.trim());
}

function describe({ msg, err, attr }: JsonLogLine): string {
  const detail = err?.message ?? attr?.reason ?? attr?.error;
  const text = typeof detail === 'object' ? JSON.stringify(detail) : detail;
  // The text repeats the message if an error was logged under its own message, followed by its causes.
  const isRepeated = msg !== undefined && typeof text === 'string' && text.startsWith(msg);
  return isRepeated ? msg : [msg?.replace(/\.$/, ''), text].filter(Boolean).join(': ');
}

function parseJson(line: string): JsonLogLine | undefined {
  if (!line.startsWith('{')) {
    return undefined;
  }
  try {
    return JSON.parse(line) as JsonLogLine;
  } catch {
    // A line that only begins like JSON is plain text.
    return undefined;
  }
}
