import { createLogger } from '@analytics/shared/service/logger';
import type { Service } from '@analytics/shared/service/startService';
import type { TestStack } from './useTestStack.ts';

/**
 * Creates what `startService` gives to a service, for one that a test file builds inside its own process:
 * nothing is logged, and the file closes what the service opens.
 */
export function createTestService<Config>(stack: TestStack, config: Config): Omit<Service<Config>, 'listen'> {
  const closing = new AbortController();
  stack.register(() => closing.abort());
  return {
    config,
    logger: createLogger({ name: 'test', level: 'silent', isPretty: false }),
    register: (_name, close) => stack.register(close),
    signal: closing.signal,
    checks: {},
  };
}
