type Constructor = new (...args: never[]) => object;

/**
 * A constructor that makes what `Base` makes, but with `prototype` from birth. This works only while `Base`
 * is a plain function, as `IncomingMessage` and `ServerResponse` are in Node 20 to 24: a class cannot be
 * applied to an object that exists. So it is tried once with `args`, and where it fails the result is `Base`
 * itself, which is correct and only slower.
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
  return canConstruct(Preset as unknown as Constructor, args) ? (Preset as unknown as Base) : Base;
}

/**
 * Never makes one of `Base` to compare it with: V8 would have to tell two shapes apart in each request from
 * then on.
 */
function canConstruct(Preset: Constructor, args: unknown[]): boolean {
  try {
    return Object.keys(Reflect.construct(Preset, args) as object).length > 0;
  } catch {
    return false;
  }
}
