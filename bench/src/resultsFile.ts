import { readFile, writeFile } from 'node:fs/promises';
import { PART_NAMES, type PartName } from './options.ts';

/** Replaces one part's section of the file and keeps the rest. */
export async function writeResults(file: string, part: PartName, section: string): Promise<void> {
  await writeFile(file, replaceSection(await readFile(file, 'utf8'), part, section));
}

/** Returns the text with a new section of this part. The sections are in the order of the parts. */
export function replaceSection(text: string, part: PartName, section: string): string {
  const [introduction = '', ...sections] = text.split(/^(?=## )/m).map((block) => block.trim());
  const blocks = new Map(sections.map((block) => [/^## (.*)/.exec(block)?.[1], block]));
  blocks.set(part, `## ${part}\n\n${section.trim()}`);
  const present = PART_NAMES.map((name) => blocks.get(name)).filter((block) => block !== undefined);
  return `${[introduction, ...present].join('\n\n')}\n`;
}
