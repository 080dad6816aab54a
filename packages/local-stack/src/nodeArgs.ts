import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Reads the arguments that a script of a workspace gives to node: its V8 flags and its program, by a full
 * path. A process that is started without npm then has the flags of the `package.json`, the one place that
 * names them.
 *
 * @throws Error if the script does not run node.
 */
export function readNodeArgs(workspaceFolder: string, script: string): string[] {
  const file = join(workspaceFolder, 'package.json');
  const { scripts = {} } = JSON.parse(readFileSync(file, 'utf8')) as { scripts?: Record<string, string> };
  const [command, ...args] = (scripts[script] ?? '').split(' ');
  const program = args.pop();
  if (command !== 'node' || program === undefined) {
    throw new Error(`The script "${script}" of ${file} is not "node [flags] <program>".`);
  }
  return [...args, join(workspaceFolder, program)];
}
