type Constructor = new (...args: never[]) => object;

/**
 * Returns a constructor like `Base` whose objects have `prototype` from the start. This requires that `Base`
 * is a plain function, as `IncomingMessage` and `ServerResponse` are in Node 20 to 24: a class cannot be
 * applied to an existing object. So it is tried once with `args`. If that fails, it returns `Base`, which is
 * correct and only slower.
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

/** Constructs no object of `Base` for a comparison: V8 would then handle two shapes in each request. */
function canConstruct(Preset: Constructor, args: unknown[]): boolean {
  try {
    return Object.keys(Reflect.construct(Preset, args) as object).length > 0;
  } catch {
    return false;
  }
}
