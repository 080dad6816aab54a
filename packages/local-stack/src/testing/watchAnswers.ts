import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OpenApiDocument } from '@analytics/shared/http/openapi/openApiDocument';
import type { Express } from 'express';
import { createAnswerValidator, type ReceivedAnswer } from './answerValidator.ts';
import type { TestStack } from './useTestStack.ts';

/**
 * Validates every answer of an app by the service's OpenAPI document. After its last test, the file fails if
 * the document does not allow one of them.
 */
export function watchAnswers(
  { register }: Pick<TestStack, 'register'>,
  app: Express,
  document: OpenApiDocument,
): void {
  const validate = createAnswerValidator(document);
  const faults = new Set<string>();
  register(() => {
    if (faults.size > 0) {
      throw new Error(`The OpenAPI document does not allow these answers:\n${[...faults].join('\n')}`);
    }
  });
  const watched = app as unknown as { handle: (...args: [IncomingMessage, ServerResponse]) => void };
  const handle = watched.handle.bind(app);
  watched.handle = (request, response, ...others) => {
    collectAnswer(request, response, (answer) => {
      const fault = validate(answer);
      if (fault !== undefined) {
        faults.add(fault);
      }
    });
    handle(request, response, ...others);
  };
}

/** Calls `onAnswer` with what an app writes. */
function collectAnswer(
  { method = '', url = '' }: IncomingMessage,
  response: ServerResponse,
  onAnswer: (answer: ReceivedAnswer) => void,
): void {
  const { writeHead, write, end } = response;
  const path = url.split('?', 1)[0] ?? '';
  let contentType: string | undefined;
  let body = '';
  const collect = (chunk: unknown) => {
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) {
      body += Buffer.from(chunk as string).toString();
    }
  };
  Object.assign(response, {
    writeHead: (status: number, ...others: unknown[]) => {
      const headers = others.at(-1) as Record<string, string> | undefined;
      contentType = headers?.['Content-Type'];
      return Reflect.apply(writeHead, response, [status, ...others]);
    },
    write: (...args: unknown[]) => {
      collect(args[0]);
      return Reflect.apply(write, response, args);
    },
    end: (...args: unknown[]) => {
      collect(args[0]);
      const isGone = response.destroyed;
      const result = Reflect.apply(end, response, args);
      contentType ??= response.getHeader('content-type')?.toString();
      const isCompressed = response.getHeader('content-encoding') !== undefined;
      // What is written after the client has gone is no answer.
      if (!isCompressed && !isGone) {
        onAnswer({
          method,
          path,
          status: response.statusCode,
          contentType,
          body: method === 'HEAD' ? '' : body,
        });
      }
      return result;
    },
  });
}
