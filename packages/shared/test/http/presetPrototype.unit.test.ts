import { expect, test } from 'vitest';
import { presetPrototype } from '../../src/http/presetPrototype.ts';

const prototype = { greet: () => 'hello' };

test('what a plain function makes has the prototype from birth', () => {
  function Greeter(this: { name: string }, name: string) {
    this.name = name;
  }
  const Preset = presetPrototype(Greeter as unknown as new (name: string) => object, prototype, ['sample']);

  const made = new Preset('ann');

  expect({ ...made }).toEqual({ name: 'ann' });
  expect(Object.getPrototypeOf(made)).toBe(prototype);
});

test('a class, which cannot be applied to an object, is used as it is', () => {
  class Greeter {
    name: string;
    constructor(name: string) {
      this.name = name;
    }
  }

  expect(presetPrototype(Greeter, prototype, ['sample'])).toBe(Greeter);
});

test('a function that makes nothing of an object that exists is used as it is', () => {
  function Silent() {}

  expect(presetPrototype(Silent as unknown as new () => object, prototype, [])).toBe(Silent);
});
