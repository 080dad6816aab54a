import type { Scopes } from './scopes.ts';

/** npm passes a Ctrl-C on to its child, which the terminal has told already: two signals, one key. */
const SAME_KEY_MS = 500;

/**
 * Ctrl-C closes everything and ends with 130; a second one ends at once, and each server's guardian ends the
 * server.
 */
export function endOnSignal(scopes: Scopes): void {
  let firstMs: number | undefined;
  const end = async () => {
    if (firstMs === undefined) {
      firstMs = performance.now();
      await scopes.closeAll();
      process.exit(130);
    }
    if (performance.now() - firstMs > SAME_KEY_MS) {
      process.exit(130);
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => void end());
  }
}
