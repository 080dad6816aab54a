import type { Answer, OpenApiDocument } from '@analytics/shared/http/openapi/openApiDocument';
import { Validator } from '@seriousme/openapi-schema-validator';
import type { Express } from 'express';
import { expect } from 'vitest';
import { createValidators } from './answerValidator.ts';
import { listRoutes } from './listRoutes.ts';

/** The document is valid by the schema of OpenAPI 3.1. */
export async function expectValidOpenApi(document: OpenApiDocument): Promise<void> {
  expect(await new Validator().validate(structuredClone(document) as never)).toEqual({ valid: true });
}

/** The document has exactly the routes of the app. */
export function expectSameRoutes(document: OpenApiDocument, app: Express): void {
  const described = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method} ${path}`),
  );
  expect(described.sort()).toEqual(listRoutes(app).sort());
}

/** Every example of a parameter, a body and an answer is valid by the schema beside it. */
export function expectValidExamples(document: OpenApiDocument): void {
  const validators = createValidators(document);
  const faults: string[] = [];
  let count = 0;
  const check = (pointer: string[], examples: Record<string, { value: unknown }> = {}) => {
    for (const [name, { value }] of Object.entries(examples)) {
      count += 1;
      const fault = validators(...pointer, 'schema')(value);
      faults.push(...(fault === undefined ? [] : [`${[...pointer, name].join(' ')}: ${fault}`]));
    }
  };
  const checkContent = (pointer: string[], content: Answer['content'] = {}) => {
    for (const [mediaType, { examples }] of Object.entries(content)) {
      check([...pointer, 'content', mediaType], examples);
    }
  };
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, { parameters = [], requestBody, responses }] of Object.entries(operations)) {
      const pointer = ['paths', path, method];
      for (const [index, { examples }] of parameters.entries()) {
        check([...pointer, 'parameters', String(index)], examples);
      }
      checkContent([...pointer, 'requestBody'], requestBody?.content);
      for (const [status, answer] of Object.entries(responses)) {
        checkContent([...pointer, 'responses', status], '$ref' in answer ? {} : answer.content);
      }
    }
  }
  expect(faults).toEqual([]);
  expect(count).toBeGreaterThan(0);
}
