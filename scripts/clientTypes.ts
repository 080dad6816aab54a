import type { JsonSchema } from '@analytics/shared/http/openapi/jsonSchema';
import type { OpenApiDocument, Parameter } from '@analytics/shared/http/openapi/openApiDocument';
import { describeService } from '@analytics/shared/http/openapi/openApiRouter';
import { DESCRIPTION as INGESTION } from '../ingestion_service/src/routes/description.ts';
import { createEventRoutes } from '../ingestion_service/src/routes/event.route.ts';
import { DESCRIPTION as REPORTING } from '../reporting_service/src/routes/description.ts';
import { createStatsRoutes } from '../reporting_service/src/routes/stats.route.ts';

const HEADER =
  '// Long because it is generated: `npm run generate` writes it from the OpenAPI documents of the services.\n';

/** Writes the types of the client from the OpenAPI documents: what the services send and receive. */
export function renderClientTypes(): string {
  const unused = () => Promise.reject(new Error('not called'));
  const unusedNow = () => {
    throw new Error('not called');
  };
  const documents = [
    describeService(createEventRoutes({ postEvent: unused, postEvents: unused }), {
      ...INGESTION,
      version: '',
    }),
    describeService(
      createStatsRoutes({
        topPathsLimit: 0,
        access: { identify: unusedNow, resolveSite: unusedNow },
        answerReport: unused,
        onReported: unusedNow,
        now: Date.now,
      }),
      { ...REPORTING, version: '' },
    ),
  ];
  const types = new Map(documents.flatMap(listTypes));
  types.delete('Dependency');
  return [HEADER, ...[...types].map(([name, schema]) => renderType(name, schema))].join('\n');
}

/** The named schemas, and one for the parameters of each report. */
function listTypes({ paths, components }: OpenApiDocument): [name: string, schema: JsonSchema][] {
  const parameters = Object.values(paths).flatMap(({ get }) =>
    get?.tags.includes('Reports')
      ? [
          [`${get.operationId.replace('get', '')}Parameters`, toObject(get.parameters ?? [])] as [
            string,
            JsonSchema,
          ],
        ]
      : [],
  );
  return [...Object.entries(components.schemas), ...parameters];
}

function toObject(parameters: Parameter[]): JsonSchema {
  return {
    type: 'object',
    properties: Object.fromEntries(
      parameters.map(({ name, description, schema }) => [name, { ...schema, description }]),
    ),
    required: parameters.filter(({ required }) => required).map(({ name }) => name),
  };
}

function renderType(name: string, schema: JsonSchema): string {
  return `export interface ${name} ${renderObject(schema, '')}\n`;
}

function renderObject({ properties = {}, required = [] }: JsonSchema, indent: string): string {
  const lines = Object.entries(properties as Record<string, JsonSchema>).flatMap(([name, schema]) => {
    const isRequired = (required as string[]).includes(name);
    const type = render(schema, `${indent}  `);
    return [
      ...renderComment(schema['description'], `${indent}  `),
      // A caller may pass undefined for a parameter. Objects are in answers, which have no undefined.
      `${indent}  ${name}${isRequired ? '' : '?'}: ${type}${isRequired || type.includes('\n') ? '' : ' | undefined'};`,
    ];
  });
  return ['{', ...lines, `${indent}}`].join('\n');
}

function render(schema: JsonSchema, indent: string): string {
  const {
    $ref,
    const: constant,
    enum: values,
    anyOf,
    type,
    items,
    properties,
    additionalProperties,
  } = schema;
  if (typeof $ref === 'string') {
    return $ref.split('/').at(-1) ?? '';
  }
  if (constant !== undefined) {
    return renderValue(constant);
  }
  if (Array.isArray(values)) {
    return values.map(renderValue).join(' | ');
  }
  if (Array.isArray(anyOf) || Array.isArray(type)) {
    const parts = (anyOf as JsonSchema[]) ?? (type as string[]).map((name) => ({ ...schema, type: name }));
    return parts.map((part) => render(part, indent)).join(' | ');
  }
  if (type === 'array') {
    const item = render(items as JsonSchema, indent);
    return / \| /.test(item) && !item.startsWith('{') ? `(${item})[]` : `${item}[]`;
  }
  if (type === 'object') {
    return properties === undefined
      ? `Record<string, ${render(additionalProperties as JsonSchema, indent)}>`
      : renderObject(schema, indent);
  }
  return type === 'integer' ? 'number' : String(type);
}

function renderValue(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}

const MAX_COLUMNS = 100;

function renderComment(description: unknown, indent: string): string[] {
  if (typeof description !== 'string') {
    return [];
  }
  const lines: string[] = [];
  for (const word of description.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && indent.length + last.length + word.length < MAX_COLUMNS) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else {
      lines.push(word);
    }
  }
  return lines.length === 1
    ? [`${indent}/** ${lines[0]} */`]
    : [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`), `${indent} */`];
}
