import { STATUS_CODES } from 'node:http';
import type { z } from 'zod';
import { createProblem, problemSchema } from '../problem.ts';
import type { ApiAnswer, ApiContent, ApiRoute } from './apiRoute.ts';
import { createSchemaWriter, type JsonSchema, type SchemaWriter, type Side } from './jsonSchema.ts';
import { PROBLEM_ANSWERS, PROBLEMS_OF_EVERY_ROUTE, type ProblemStatus } from './problemAnswers.ts';
import { SECURITY_SCHEMES, type SecurityScheme, type SecuritySchemeName } from './securitySchemes.ts';

export interface ApiDescription {
  title: string;
  /** The version of the service. */
  version: string;
  /** Markdown. */
  description: string;
  /** What each group of routes is for, in the order of the document. */
  tags: Record<string, string>;
  /** The schemas that the document defines once, by name. */
  schemas: Record<string, z.ZodType>;
  routes: readonly ApiRoute[];
}

/** An OpenAPI 3.1 document. */
export interface OpenApiDocument {
  openapi: string;
  info: { title: string; version: string; description: string };
  servers: { url: string; description: string }[];
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: {
    schemas: Record<string, JsonSchema>;
    responses: Record<string, Answer>;
    securitySchemes: Record<string, SecurityScheme>;
  };
}

interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  description: string;
  parameters?: Parameter[];
  security?: Record<string, never[]>[];
  requestBody?: { description: string; required: true; content: Content };
  responses: Record<string, Answer | Reference>;
}

export interface Parameter {
  name: string;
  in: 'query' | 'path';
  required: boolean;
  description?: string;
  schema: JsonSchema;
  examples?: Record<string, { value: unknown }>;
}

export interface Answer {
  description: string;
  headers?: Record<string, { description: string; required?: true; schema: JsonSchema }>;
  content?: Content;
}

type Content = Record<string, { schema?: JsonSchema; examples?: Record<string, { value: unknown }> }>;

interface Reference {
  $ref: string;
}

/** Derives the OpenAPI document of a service from its routes. */
export function createOpenApiDocument(description: ApiDescription): OpenApiDocument {
  const { title, version, tags, schemas, routes } = description;
  const writer = createSchemaWriter({ Problem: problemSchema, ...schemas });
  const paths: OpenApiDocument['paths'] = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method]: describeRoute(route, writer) };
  }
  const statuses = new Set(routes.flatMap(listProblems));
  const responses = Object.fromEntries(
    [...statuses].sort().map((status) => [toResponseName(status), describeProblem(status, writer)]),
  );
  writer.writeRest('output');
  return {
    openapi: '3.1.1',
    info: { title, version, description: description.description },
    // Relative to this document, because a service does not know under which address a proxy shows it.
    servers: [{ url: '.', description: 'The service that sent this document.' }],
    tags: Object.entries(tags).map(([name, text]) => ({ name, description: text })),
    paths,
    components: { schemas: writer.components, responses, securitySchemes: pickSecuritySchemes(routes) },
  };
}

function describeRoute(route: ApiRoute, writer: SchemaWriter): Operation {
  const { operationId, tag, summary, description, keys, alwaysNeedsKey = false, body } = route;
  const parameters = [
    ...describeParameters('path', route.pathParameters, writer),
    ...describeParameters('query', route.parameters, writer),
  ];
  return {
    operationId,
    tags: [tag],
    summary,
    description,
    ...(parameters.length > 0 && { parameters }),
    ...(keys && { security: describeSecurity(keys, alwaysNeedsKey) }),
    ...(body && {
      requestBody: {
        description: body.description,
        required: true,
        content: describeContent(body, writer, 'input'),
      },
    }),
    responses: {
      ...mapValues(route.answers, (answer) => describeAnswer(answer, writer)),
      ...Object.fromEntries(
        listProblems(route).map((status) => [
          status,
          { $ref: `#/components/responses/${toResponseName(status)}` },
        ]),
      ),
    },
  };
}

/** One of the places is enough. Most routes need no key with `AUTH_MODE=open`. */
function describeSecurity(
  keys: readonly SecuritySchemeName[],
  alwaysNeedsKey: boolean,
): Record<string, never[]>[] {
  return [...(alwaysNeedsKey ? [] : [{}]), ...keys.map((name) => ({ [name]: [] }))];
}

function pickSecuritySchemes(routes: readonly ApiRoute[]): Record<string, SecurityScheme> {
  const names = new Set(routes.flatMap(({ keys = [] }) => keys));
  return Object.fromEntries([...names].map((name) => [name, SECURITY_SCHEMES[name]]));
}

/** The parameters of an object schema, each with the schema and the description of its property. */
function describeParameters(
  place: Parameter['in'],
  schema: z.ZodType | undefined,
  writer: SchemaWriter,
): Parameter[] {
  const { properties = {}, required = [] } = (schema ? writer.write(schema, 'input') : {}) as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, examples, ...property }]) => ({
    name,
    in: place,
    required: required.includes(name),
    ...(description !== undefined && { description: String(description) }),
    schema: property,
    ...(Array.isArray(examples) && { examples: nameExamples(examples) }),
  }));
}

function describeAnswer(
  { description, requiredHeaders, headers, ...content }: ApiAnswer,
  writer: SchemaWriter,
): Answer {
  const described = {
    ...mapValues(requiredHeaders ?? {}, (text) => ({ ...describeHeader(text), required: true as const })),
    ...mapValues(headers ?? {}, describeHeader),
  };
  return {
    description,
    ...(Object.keys(described).length > 0 && { headers: described }),
    ...((content.schema || content.mediaType) && { content: describeContent(content, writer, 'output') }),
  };
}

function describeHeader(description: string) {
  return { description, schema: { type: 'string' } };
}

function describeProblem(status: ProblemStatus, writer: SchemaWriter): Answer {
  const { detail, ...answer } = PROBLEM_ANSWERS[status];
  return describeAnswer(
    {
      ...answer,
      mediaType: 'application/problem+json',
      schema: problemSchema,
      examples: { problem: createProblem(status, detail) },
    },
    writer,
  );
}

function describeContent(
  { mediaType = 'application/json', schema, examples }: ApiContent,
  writer: SchemaWriter,
  side: Side,
): Content {
  const content = {
    ...(schema && { schema: writer.write(schema, side) }),
    ...(examples && { examples: mapValues(examples, (value) => ({ value })) }),
  };
  return Object.fromEntries([mediaType].flat().map((type) => [type, content]));
}

function listProblems({ problems = [] }: ApiRoute): ProblemStatus[] {
  return [...new Set<ProblemStatus>([...PROBLEMS_OF_EVERY_ROUTE, ...problems])].sort();
}

/** `503` → `ServiceUnavailable`. */
function toResponseName(status: ProblemStatus): string {
  return (STATUS_CODES[status] ?? String(status)).replaceAll(/\W/g, '');
}

function nameExamples(values: unknown[]): Record<string, { value: unknown }> {
  return Object.fromEntries(values.map((value) => [String(value), { value }]));
}

function mapValues<Value, Result>(
  record: Record<string | number, Value>,
  map: (value: Value) => Result,
): Record<string, Result> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
