type Constructor = new (...args: never[]) => object;

/**
 * A constructor that makes what `Base` makes, but with `prototype` from birth. This works only while `Base` is a plain
 * function, as `IncomingMessage` and `ServerResponse` are in Node 20 to 24: a class cannot be applied to an object that
 * exists. So it is tried with `args`, and where it fails the result is `Base` itself, which is correct and only slower.
 */
export function presetPrototype<Base extends Constructor>(
  Base: Base,
  prototype: object,
  args: ConstructorParameters<Base>,
): Base {
  function Preset(this: object, ...given: unknown[]) {
    Reflect.apply(Base as unknown as (...given: unknown[]) => void, this, given);
  }
  Preset.prototype = prototype;
  return makesTheSame(Preset as unknown as Constructor, Base, args) ? (Preset as unknown as Base) : Base;
}

function makesTheSame(Preset: Constructor, Base: Constructor, args: unknown[]): boolean {
  try {
    const preset = Reflect.ownKeys(Reflect.construct(Preset, args) as object);
    const base = Reflect.ownKeys(Reflect.construct(Base, args) as object);
    return preset.length === base.length && preset.every((key, index) => key === base[index]);
  } catch {
    return false;
  }
}
