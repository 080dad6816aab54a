import { expect, test } from 'vitest';
import { createScopes } from '../src/scopes.ts';

function createClosings() {
  const closed: string[] = [];
  return { closed, closing: (name: string) => async () => closed.push(name) };
}

test('what was opened last is closed first, also when the work fails', async () => {
  const { closed, closing } = createClosings();
  const work = createScopes().run(async (scope) => {
    scope.register(closing('redis'));
    scope.register(closing('service'));
    throw new Error('no luck');
  });
  await expect(work).rejects.toThrow('no luck');
  expect(closed).toEqual(['service', 'redis']);
});

test('a scope that is failed ends its work and closes', async () => {
  const { closed, closing } = createClosings();
  const work = createScopes().run(async (scope) => {
    scope.register(closing('service'));
    scope.fail(new Error('the service ended'));
    await new Promise(() => {});
  });
  await expect(work).rejects.toThrow('the service ended');
  expect(closed).toEqual(['service']);
});

test('closing all closes the innermost scope first, and everything once', async () => {
  const { closed, closing } = createClosings();
  const scopes = createScopes();
  await scopes.run(async (outer) => {
    outer.register(closing('folder'));
    await scopes.run(async (inner) => {
      inner.register(closing('service'));
      await scopes.closeAll();
    });
  });
  expect(closed).toEqual(['service', 'folder']);
  expect(scopes.isClosing()).toBe(true);
});
