import { createInterface } from 'node:readline/promises';

/**
 * Asks a question on the terminal. Without a terminal, the answer is no. `isSure` answers yes without asking.
 */
export async function confirm(question: string, isSure: boolean): Promise<boolean> {
  if (isSure || !process.stdin.isTTY) {
    process.stdout.write(`${question} ${isSure ? 'Yes.' : 'Add --yes to do it.'}\n`);
    return isSure;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(`${question} [y/N] `);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}
