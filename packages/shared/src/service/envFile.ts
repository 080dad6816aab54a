import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'dotenv';

export interface EnvFile {
  values: Record<string, string>;
  /** One sentence for each line whose value may be cut off. Contains no value. */
  warnings: string[];
}

/** Reads a `.env` file if it exists. */
export function readEnvFile(path: string | undefined): EnvFile {
  if (path === undefined || !existsSync(path)) {
    return { values: {}, warnings: [] };
  }
  const text = readFileSync(path, 'utf8');
  return { values: parse(text), warnings: findCutValues(text, path) };
}

/**
 * The pattern by which dotenv 18 finds settings (its `LINE`), with a group for the comment. In a value
 * without quotes, a comment begins at the first #, with or without a space before it.
 */
const DOTENV_LINE =
  /(?:^|^)\s*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?[^\S\n]*(#.*)?(?:$|$)/gm;

/** The values of these are secrets or names, in which a # after a space begins no comment either. */
const SECRET_NAME = /PASSWORD|SECRET|KEY|TOKEN|UR[IL]$/;

function findCutValues(text: string, path: string): string[] {
  const lines = text.replace(/\r\n?/g, '\n');
  return [...lines.matchAll(DOTENV_LINE)].flatMap((match) => {
    const [whole, name = '', value = '', comment] = match;
    const isQuoted = /^\s*(['"`])[\s\S]*\1\s*$/.test(value);
    // A # with spaces on both sides begins an intended comment.
    const isComment = /\s$/.test(value) && /^#\s/.test(comment ?? '') && !SECRET_NAME.test(name);
    if (comment === undefined || isQuoted || isComment) {
      return [];
    }
    const line = lines.slice(0, match.index + whole.indexOf(name)).split('\n').length;
    return `Line ${line} of ${path}: ${name} ends before the #, because its value has no quotes. If the # belongs to the value, write ${name}='…'; if it begins a comment, put that on a line of its own.`;
  });
}
