import { z } from 'zod';

export type JsonSchema = Record<string, unknown>;

/** The side of a schema that a client sees: what it sends (before transforms), or what it gets. */
export type Side = 'input' | 'output';

/** Writes zod schemas as JSON Schema of draft 2020-12, the dialect of OpenAPI 3.1. */
export interface SchemaWriter {
  /** A named schema becomes a reference to `components`. */
  write(schema: z.ZodType, side: Side): JsonSchema;
  /** Writes the named schemas that nothing refers to: descriptions name them. */
  writeRest(side: Side): void;
  /** The named schemas that were written, in the order of their names. */
  readonly components: Record<string, JsonSchema>;
}

/** Creates a writer that knows the names of some schemas. Each is written once, for one side. */
export function createSchemaWriter(names: Record<string, z.ZodType>): SchemaWriter {
  const nameOf = new Map<unknown, string>(Object.entries(names).map(([name, schema]) => [schema, name]));
  const sides = new Map<string, Side>();
  const definitions = new Map<string, JsonSchema>();

  function refer(name: string, schema: z.ZodType, side: Side): JsonSchema {
    const known = sides.get(name);
    if (known === undefined) {
      sides.set(name, side);
      definitions.set(name, convert(schema, side, schema));
    } else if (known !== side) {
      throw new Error(`The schema ${name} describes both requests and answers; give each its own name.`);
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  /** `definition` is the schema that must not refer to itself. */
  function convert(schema: z.ZodType, side: Side, definition?: z.ZodType): JsonSchema {
    const { $schema: _, ...written } = z.toJSONSchema(schema, {
      io: side,
      target: 'draft-2020-12',
      // Such a schema describes itself by `meta`.
      unrepresentable: 'any',
      override: (context) => {
        const { jsonSchema } = context;
        const zodSchema = context.zodSchema as unknown as z.ZodType;
        const name = zodSchema === definition ? undefined : nameOf.get(zodSchema);
        if (name !== undefined) {
          replace(jsonSchema, refer(name, zodSchema, side));
        } else {
          shorten(jsonSchema);
          Object.assign(jsonSchema, pickKept(zodSchema));
        }
      },
    });
    return written;
  }

  return {
    write: (schema, side) => convert(schema, side),
    writeRest: (side) => {
      for (const [name, schema] of Object.entries(names)) {
        if (!definitions.has(name)) {
          refer(name, schema, side);
        }
      }
    },
    get components() {
      return Object.fromEntries([...definitions].sort(([a], [b]) => (a < b ? -1 : 1)));
    },
  };
}

/** zod leaves these out of a schema with a transform, because they may be values of either side. */
function pickKept(schema: z.ZodType): JsonSchema {
  const { examples, default: preset } = z.globalRegistry.get(schema) ?? {};
  return { ...(examples !== undefined && { examples }), ...(preset !== undefined && { default: preset }) };
}

function replace(target: JsonSchema, source: JsonSchema): void {
  for (const key of Object.keys(target)) {
    delete target[key];
  }
  Object.assign(target, source);
}

/** Removes what zod adds and a reader does not need: the pattern of a format, and JavaScript's own limits. */
function shorten(schema: JsonSchema): void {
  if (schema['format'] === 'date' || schema['format'] === 'date-time') {
    delete schema['pattern'];
  }
  if (schema['maximum'] === Number.MAX_SAFE_INTEGER) {
    delete schema['maximum'];
  }
}
