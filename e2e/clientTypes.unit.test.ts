import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { renderClientTypes } from '../scripts/clientTypes.ts';

test('the types of the client are those of the services (`npm run generate` writes them)', () => {
  const written = readFileSync(join(import.meta.dirname, '../packages/client/src/types.ts'), 'utf8');

  expect(written).toBe(renderClientTypes());
});
