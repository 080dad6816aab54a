import { createServiceMetrics } from '@analytics/shared/metrics/processMetrics';
import { createLogger } from '@analytics/shared/service/logger';
import type { Service } from '@analytics/shared/service/startService';
import type { TestStack } from './useTestStack.ts';

/**
 * Creates the object that `startService` passes to a service, for tests that run a service in their own
 * process. Nothing is logged, and all resources are closed after the last test of the file.
 */
export function createTestService<Config>(stack: TestStack, config: Config): Omit<Service<Config>, 'listen'> {
  const closing = new AbortController();
  stack.register(() => closing.abort());
  const checks = {};
  return {
    config,
    version: '1.2.3-test',
    logger: createLogger({ name: 'test', level: 'silent', isPretty: false }),
    register: (_name, close) => stack.register(close),
    signal: closing.signal,
    checks,
    metrics: createServiceMetrics({ service: 'test', version: '0.0.0' }, checks),
  };
}
