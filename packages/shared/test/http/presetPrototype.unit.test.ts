import { expect, test } from 'vitest';
import { presetPrototype } from '../../src/http/presetPrototype.ts';

const prototype = { greet: () => 'hello' };

test('an object created by a plain function has the prototype from the start', () => {
  function Greeter(this: { name: string }, name: string) {
    this.name = name;
  }
  const Preset = presetPrototype(Greeter as unknown as new (name: string) => object, prototype, ['sample']);

  const made = new Preset('ann');

  expect({ ...made }).toEqual({ name: 'ann' });
  expect(Object.getPrototypeOf(made)).toBe(prototype);
});

test('a class, which cannot be applied to an object, is used unchanged', () => {
  class Greeter {
    name: string;
    constructor(name: string) {
      this.name = name;
    }
  }

  expect(presetPrototype(Greeter, prototype, ['sample'])).toBe(Greeter);
});

test('a function that does not initialize an existing object is used unchanged', () => {
  function Silent() {}

  expect(presetPrototype(Silent as unknown as new () => object, prototype, [])).toBe(Silent);
});
