import { expect, test } from 'vitest';
import { z } from 'zod';
import { createSchemaWriter } from '../../src/http/openapi/jsonSchema.ts';

test('a schema with a transform keeps its examples and its default', () => {
  const schema = z
    .string()
    .transform(Number)
    .default(10)
    .meta({ examples: ['7'], default: 10, type: 'integer' });

  expect(createSchemaWriter({}).write(schema, 'input')).toEqual({
    type: 'integer',
    default: 10,
    examples: ['7'],
  });
});

test('a named schema is written once, and referred to', () => {
  const event = z.strictObject({ day: z.iso.date() });
  const writer = createSchemaWriter({ Event: event, Unused: z.string() });

  expect(writer.write(z.array(event), 'input')).toEqual({
    type: 'array',
    items: { $ref: '#/components/schemas/Event' },
  });
  expect(writer.components).toEqual({
    Event: {
      type: 'object',
      properties: { day: { type: 'string', format: 'date' } },
      required: ['day'],
      additionalProperties: false,
    },
  });
});

test('a named schema that nothing refers to is written too', () => {
  const writer = createSchemaWriter({ Line: z.string() });
  writer.writeRest('output');

  expect(writer.components).toEqual({ Line: { type: 'string' } });
});

test('a name for both what is sent and what is answered is refused', () => {
  const event = z.strictObject({});
  const writer = createSchemaWriter({ Event: event });
  writer.write(event, 'input');

  expect(() => writer.write(event, 'output')).toThrow('The schema Event describes both');
});
