import type { OpenApiDocument } from '@analytics/shared/http/openapi/openApiDocument';
import type { ErrorObject } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

/** An answer as a client sees it. */
export interface ReceivedAnswer {
  method: string;
  /** Without the query. */
  path: string;
  status: number;
  contentType: string | undefined;
  body: string;
}

/** Returns what the document does not allow about an answer, or undefined. */
export type ValidateAnswer = (answer: ReceivedAnswer) => string | undefined;

type Validate = (value: unknown) => string | undefined;

/** Creates a validator of everything that a service answers, by its OpenAPI document. */
export function createAnswerValidator(document: OpenApiDocument): ValidateAnswer {
  const validators = createValidators(document);
  return (answer) => {
    const fault = findFaultOrError(answer, document, validators);
    return fault && `${answer.method} ${answer.path} answered ${answer.status}: ${fault}`;
  };
}

/** Validates values by the schema at a JSON pointer of the document. */
export function createValidators(document: OpenApiDocument): (...pointer: string[]) => Validate {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  // The package is CommonJS, whose default export is the module for Node and the function for TypeScript.
  (addFormats as unknown as typeof addFormats.default)(ajv);
  ajv.addFormat('time-zone', true);
  ajv.addSchema(document, 'openapi');
  const compiled = new Map<string, Validate>();
  return (...names) => {
    const pointer = names.map(
      (name) => `/${encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))}`,
    );
    const $ref = `openapi#${pointer.join('')}`;
    const known = compiled.get($ref);
    if (known !== undefined) {
      return known;
    }
    const check = ajv.compile({ $ref });
    const validate: Validate = (value) => (check(value) ? undefined : describe(check.errors ?? []));
    compiled.set($ref, validate);
    return validate;
  };
}

function describe(errors: ErrorObject[]): string {
  return errors.map(({ instancePath, message }) => `${instancePath || 'the body'} ${message}`).join('; ');
}

/** A body that cannot be read is a fault too. The caller may be a response, where an error would be lost. */
function findFaultOrError(...args: Parameters<typeof findFault>): string | undefined {
  try {
    return findFault(...args);
  } catch (error) {
    return String(error);
  }
}

function findFault(
  { method, path, status, contentType = '', body }: ReceivedAnswer,
  document: OpenApiDocument,
  validators: ReturnType<typeof createValidators>,
): string | undefined {
  const mediaType = contentType.split(';', 1)[0] ?? '';
  const template = findTemplate(document, path);
  if (template === undefined) {
    return status === 404 ? checkProblem() : 'the document does not have this path';
  }
  const operations = document.paths[template] ?? {};
  const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
  if (operations[verb] === undefined) {
    // OpenAPI documents have no preflights.
    if (method === 'OPTIONS' && status === 204) {
      return undefined;
    }
    return status === 405 ? checkProblem() : 'the document does not have this method';
  }
  const answer = operations[verb].responses[status];
  if (answer === undefined) {
    return 'the document does not have this status';
  }
  if ('$ref' in answer) {
    return checkProblem();
  }
  if (answer.content === undefined) {
    return body === '' ? undefined : 'the document has no body';
  }
  const content = answer.content[mediaType];
  if (content === undefined) {
    return `the document does not have ${contentType || 'an answer without Content-Type'}`;
  }
  if (method === 'HEAD') {
    return body === '' ? undefined : 'HEAD has no body';
  }
  if (content.schema === undefined) {
    return undefined;
  }
  if (mediaType === 'application/x-ndjson') {
    const check = validators('components', 'schemas', 'Dependency');
    return body
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => check(JSON.parse(line)))
      .find(Boolean);
  }
  return validators(
    'paths',
    template,
    verb,
    'responses',
    String(status),
    'content',
    mediaType,
    'schema',
  )(mediaType.endsWith('json') ? JSON.parse(body) : body);

  function checkProblem(): string | undefined {
    if (mediaType !== 'application/problem+json') {
      return `a problem has ${contentType || 'no Content-Type'}`;
    }
    return method === 'HEAD' ? undefined : validators('components', 'schemas', 'Problem')(JSON.parse(body));
  }
}

/** Finds the path of the document that a path of a request matches. A slash at the end counts for nothing. */
function findTemplate({ paths }: OpenApiDocument, path: string): string | undefined {
  const plain = path.length > 1 ? path.replace(/\/$/, '') : path;
  return Object.keys(paths).find((template) => {
    const pattern = template.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+');
    // Express does not distinguish letters of paths by their case.
    return new RegExp(`^${pattern}$`, 'i').test(plain);
  });
}
