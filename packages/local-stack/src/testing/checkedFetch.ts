import type { OpenApiDocument } from '@analytics/shared/http/openapi/openApiDocument';
import { createAnswerValidator, type ValidateAnswer } from './answerValidator.ts';

/**
 * Creates a `fetch` for requests to running services. It rejects if the OpenAPI document of the service does
 * not allow the answer.
 */
export function createCheckedFetch(): typeof fetch {
  const validators = new Map<string, Promise<ValidateAnswer>>();
  return async (input, init) => {
    const response = await fetch(input, init);
    const { origin, pathname } = new URL(response.url);
    const known = validators.get(origin) ?? readValidator(origin);
    validators.set(origin, known);
    const validate = await known;
    const fault = validate({
      method: init?.method ?? 'GET',
      path: pathname,
      status: response.status,
      contentType: response.headers.get('Content-Type') ?? undefined,
      body: await response.clone().text(),
    });
    if (fault !== undefined) {
      throw new Error(`The OpenAPI document does not allow this: ${fault}`);
    }
    return response;
  };
}

/** Reads the OpenAPI document of a running service. */
export async function fetchOpenApi(origin: string): Promise<OpenApiDocument> {
  return (await fetch(`${origin}/openapi.json`)).json() as Promise<OpenApiDocument>;
}

async function readValidator(origin: string): Promise<ValidateAnswer> {
  return createAnswerValidator(await fetchOpenApi(origin));
}
