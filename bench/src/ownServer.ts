import type { RunningServer } from '@analytics/local-stack/serverProcess';
import type { Scope } from './scopes.ts';

/**
 * Ties a server to a scope: it ends with the scope, by SIGKILL, as nobody needs what it still has in hand;
 * and if it ends before, the scope fails, as what is measured from then on would mean nothing.
 */
export function ownServer(scope: Scope, server: RunningServer): void {
  scope.register(() => server.kill());
  void server.exited.then(({ wasAsked, description }) => {
    if (!wasAsked) {
      scope.fail(new Error(`${server.name} ended while it was measured, ${description}`));
    }
  });
}
