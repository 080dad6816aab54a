/** The JSON lines that our services (pino) and mongod write, as far as we read them. */
interface JsonLogLine {
  level?: number;
  msg?: string;
  err?: { message?: string };
  /** mongod's severity: I, W, E or F. */
  s?: string;
  attr?: { error?: unknown };
}

const PINO_WARN_LEVEL = 40;

/** What a service's JSON line says, if it is a warning or worse. Other lines give `undefined`. */
export function readServiceWarning(line: string): string | undefined {
  const entry = parseJson(line);
  return entry?.level !== undefined && entry.level >= PINO_WARN_LEVEL ? describe(entry) : undefined;
}

/** The last thing that a program complained about before it ended, or its last words, or `undefined` if it had none. */
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
    return (entry.level ?? 0) >= PINO_WARN_LEVEL || entry.s === 'E' || entry.s === 'F';
  }
  return REDIS_WARNING.test(line) || /^(?!\s+at ).*(error|fatal|fail|cannot|can't|not found)/i.test(line);
}

/** `12345:M 12 Nov 2025 19:30:01.123 # text`. What begins with WARNING is advice about the machine's settings. */
const REDIS_WARNING = /^\d+:[A-Z] .* # (?!WARNING)(.+)$/;

function toText(line: string): string {
  const entry = parseJson(line);
  return entry ? describe(entry) : (REDIS_WARNING.exec(line)?.[1] ?? line.trim());
}

function describe({ msg, err, attr }: JsonLogLine): string {
  const detail = err?.message ?? attr?.error;
  const text = typeof detail === 'object' ? JSON.stringify(detail) : detail;
  return [msg, text].filter(Boolean).join(': ');
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
