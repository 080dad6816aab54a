import { createOpenApiDocument } from '@analytics/shared/http/openapi/openApiDocument';
import { createProblem } from '@analytics/shared/http/problem';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { createAnswerValidator, type ReceivedAnswer } from '../src/testing/answerValidator.ts';

const validate = createAnswerValidator(
  createOpenApiDocument({
    ...{ title: '', version: '', description: '', tags: {}, schemas: {} },
    routes: [
      {
        method: 'get',
        path: '/things/{id}',
        operationId: 'getThing',
        tag: 'Things',
        summary: '',
        description: '',
        answers: {
          200: { description: '', schema: z.strictObject({ day: z.iso.date(), views: z.int() }) },
          304: { description: '' },
        },
        problems: [503],
      },
    ],
  }),
);

const thing: ReceivedAnswer = {
  method: 'GET',
  path: '/things/a.b',
  status: 200,
  contentType: 'application/json; charset=utf-8',
  body: '{"day":"2025-11-12","views":1}',
};

function problem(status: number): Partial<ReceivedAnswer> {
  return {
    status,
    contentType: 'application/problem+json',
    body: JSON.stringify(createProblem(status, 'No.')),
  };
}

test.each<Partial<ReceivedAnswer>>([
  {},
  { path: '/THINGS/a/' },
  { method: 'HEAD', body: '' },
  { status: 304, contentType: undefined, body: '' },
  problem(503),
  { method: 'POST', ...problem(405) },
  { path: '/other', ...problem(404) },
])('an answer of the document is allowed: %j', (answer) => {
  expect(validate({ ...thing, ...answer })).toBe(undefined);
});

test.each<[Partial<ReceivedAnswer>, string]>([
  [{ body: '{"day":"2025-11-12","views":"1"}' }, '/views must be integer'],
  [{ body: '{"day":"2025-02-30","views":1}' }, '/day must match format "date"'],
  [{ body: '{"day":"2025-11-12","views":1,"more":1}' }, 'the body must NOT have additional properties'],
  [{ body: '{' }, 'SyntaxError'],
  [{ contentType: 'text/html' }, 'the document does not have text/html'],
  [{ status: 201 }, 'the document does not have this status'],
  [{ status: 304 }, 'the document has no body'],
  [problem(500), 'the document does not have this status'],
  [{ ...problem(503), contentType: 'text/plain' }, 'a problem has text/plain'],
  [{ ...problem(503), body: '{}' }, "the body must have required property 'type'"],
  [{ method: 'POST' }, 'the document does not have this method'],
  [{ path: '/other' }, 'the document does not have this path'],
  [{ path: '/things/a/b' }, 'the document does not have this path'],
])('another answer is not: %j', (answer, fault) => {
  expect(validate({ ...thing, ...answer })).toContain(fault);
});
