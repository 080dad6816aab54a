import { expect, test, vi } from 'vitest';
import { createScopes } from '../src/scopes.ts';

function createClosings() {
  const closed: string[] = [];
  return { closed, closing: (name: string) => async () => closed.push(name) };
}

test('closes last in, first out, also when the work fails', async () => {
  const { closed, closing } = createClosings();
  const work = createScopes().run(async (scope) => {
    scope.register(closing('redis'));
    scope.register(closing('service'));
    throw new Error('no luck');
  });
  await expect(work).rejects.toThrow('no luck');
  expect(closed).toEqual(['service', 'redis']);
});

test('a failed scope ends its work and closes', async () => {
  const { closed, closing } = createClosings();
  const work = createScopes().run(async (scope) => {
    scope.register(closing('service'));
    scope.fail(new Error('the service ended'));
    await new Promise(() => {});
  });
  await expect(work).rejects.toThrow('the service ended');
  expect(closed).toEqual(['service']);
});

test('closeAll closes the innermost scope first, and everything once', async () => {
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
});

test('work that fails because of closeAll reports nothing', async () => {
  const scopes = createScopes();
  const onEnd = vi.fn();
  const { promise: killed, reject: kill } = createRejection();
  scopes
    .run(async (scope) => {
      scope.register(async () => kill(new Error('the service was killed')));
      await killed;
    })
    .then(onEnd, onEnd);
  await scopes.closeAll();
  await new Promise(setImmediate);
  expect(onEnd).not.toHaveBeenCalled();
});

function createRejection() {
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<never>((_resolve, rejectPromise) => {
    reject = rejectPromise;
  });
  return { promise, reject };
}
