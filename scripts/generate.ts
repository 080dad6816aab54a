import { writeFileSync } from 'node:fs';
import { renderClientTypes } from './clientTypes.ts';

writeFileSync(new URL('../packages/client/src/types.ts', import.meta.url), renderClientTypes());
