/** The JSON lines that our services (pino) and mongod write, as far as we read them. */
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
 * What a service's JSON line says, if it is a warning or an error. Other lines give `undefined`, and so does
 * the fatal one with which a service ends: it is part of the sentence about that end.
 */
export function readServiceWarning(line: string): string | undefined {
  const { level = 0, ...entry } = parseJson(line) ?? {};
  return level >= PINO_WARN_LEVEL && level < PINO_FATAL_LEVEL ? describe(entry) : undefined;
}

/**
 * The last thing that a program complained about before it ended, or its last words, or `undefined` if it had
 * none.
 */
export function findLastProblem(lines: readonly string[]): string | undefined {
  const index = lines.findLastIndex(isProblem);
  const problem = lines[index];
  if (problem === undefined) {
    const lastWords = lines.findLast((line) => line.trim() !== '');
    return lastWords && toText(lastWords);
  }
  const text = toText(problem);
  // A list of what is wrong stands indented below its heading.
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

/** mongod's last words, "Writing fatal message: Got signal: 6 (Aborted).". */
const MONGO_SIGNAL_ID = 6_384_300;

/** After its own complaint a mongod that aborts says only that it does so. */
function isMongoProblem({ s, c, id }: JsonLogLine): boolean {
  return (s === 'E' || s === 'F') && c !== 'ASSERT' && id !== MONGO_SIGNAL_ID;
}

/**
 * `12345:M 12 Nov 2025 19:30:01.123 # text`. What begins with WARNING is advice about the machine's settings.
 */
const REDIS_WARNING = /^\d+:[A-Z] .* # (?!WARNING)(.+)$/;

function toText(line: string): string {
  const entry = parseJson(line);
  return entry ? describe(entry) : (REDIS_WARNING.exec(line)?.[1] ?? line.trim());
}

function describe({ msg, err, attr }: JsonLogLine): string {
  const detail = err?.message ?? attr?.reason ?? attr?.error;
  const text = typeof detail === 'object' ? JSON.stringify(detail) : detail;
  // An error that is logged under its own message, followed by those of its causes.
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
    // A line of another program that only begins like JSON is plain text.
    return undefined;
  }
}
