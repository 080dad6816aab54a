import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

// Rules for sources that Biome does not have: comments are at most 110 columns wide, and a file of more than
// 250 lines says why in its first lines (`// Long because …`).

const MAX_COMMENT_COLUMNS = 110;
const MAX_LINES = 250;
const LONG_REASON = /^\/\/ Long because /m;
const COMMENT = /^\s*(?:\/\/|\/\*\*|\*)/;

const files = execFileSync('git', ['ls-files', '--', '*.ts', '*.mjs'], { encoding: 'utf8' })
  .split('\n')
  .filter(Boolean);

const violations = files.flatMap((file) => {
  const text = readFileSync(file, 'utf8');
  const lines = text.split('\n');
  const wide = lines.flatMap((line, index) =>
    COMMENT.test(line) && line.length > MAX_COMMENT_COLUMNS
      ? [`${file}:${index + 1} has a comment of ${line.length} columns; the limit is ${MAX_COMMENT_COLUMNS}`]
      : [],
  );
  const isLong = lines.length > MAX_LINES && !LONG_REASON.test(lines.slice(0, 5).join('\n'));
  return isLong ? [...wide, `${file} has ${lines.length} lines; the limit is ${MAX_LINES}`] : wide;
});

if (violations.length > 0) {
  process.stderr.write(`${violations.join('\n')}\n`);
  process.exitCode = 1;
}
