import { readFile, writeFile } from 'node:fs/promises';
import { PART_NAMES, type PartName } from './options.ts';

const INTRODUCTION = `# Results

Written by \`npm run bench\`: each part's section is that part's latest run. To repeat all of them, on a machine that does
nothing else: \`npm install && npm run bench\`; one of them: \`npm run bench -- ingest\`. \`npm run bench -- --help\` says what
each part measures, and the code that does is in \`bench/parts/\`.

Only numbers of one run can be compared: the machine's own speed changes from hour to hour. All processes are plain \`node\`
on the build, one of each service, with their default settings. Each measurement has a fresh Redis (AOF, \`everysec\` unless
it says \`always\`) and a fresh MongoDB (1 GB of cache); \`stats\` fills one MongoDB for both (6 GB of cache) and asks it without
the cache of answers, where it does not say otherwise. "Naive" is \`bench/naive/\`, the original's design written plainly. A
ratio is one of medians; behind it stand what it must hold and what it should reach.
`;

/** Puts a part's section in place of its last one and leaves the others as they are. */
export async function writeResults(file: string, part: PartName, section: string): Promise<void> {
  const text = await readFile(file, 'utf8').catch(() => '');
  await writeFile(file, replaceSection(text, part, section));
}

/** The text of the file with a section of this part; sections stand in the order of the parts. */
export function replaceSection(text: string, part: PartName, section: string): string {
  const sections = readSections(text);
  sections.set(part, section.trim());
  const present = PART_NAMES.flatMap((name) => {
    const content = sections.get(name);
    return content === undefined ? [] : [`## ${name}\n\n${content}\n`];
  });
  return [INTRODUCTION, ...present].join('\n');
}

function readSections(text: string): Map<string, string> {
  const sections = text.split(/^## /m).slice(1);
  return new Map(
    sections.map((section) => {
      const [title = '', ...lines] = section.split('\n');
      return [title.trim(), lines.join('\n').trim()];
    }),
  );
}
