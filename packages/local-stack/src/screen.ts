import { relative } from 'node:path';
import type { ServicePorts } from './services.ts';
import type { Stack, StackServer } from './stack.ts';

/** Describes the addresses of Redis and MongoDB, where they come from, and the log folder. */
export function describeStack({ redis, mongo, logFolder }: Stack): string {
  const lines = [`  Redis    ${describeServer(redis)}`, `  MongoDB  ${describeServer(mongo)}`];
  return [...lines, `  Logs     ${fromHere(logFolder)}`].join('\n');
}

/** The text that `npm start` prints when all services are ready. `host`: where they are reachable. */
export function describeSystem(stack: Stack, ports: ServicePorts, host: string): string {
  const ingestion = `http://${host}:${ports.INGESTION_PORT}`;
  const reporting = `http://${host}:${ports.REPORTING_PORT}`;
  const processorPort = ports.PROCESSOR_OPERATIONS_PORT ?? ports.PROCESSOR_PORT;
  const event = {
    site_id: 'my-site',
    event_type: 'page_view',
    path: '/pricing',
    user_id: 'user-1',
    timestamp: '2025-11-12T19:30:01Z',
  };
  return `
Everything is up.

  Ingestion  ${ingestion}
  Reporting  ${reporting}
  Processor  http://${host}:${processorPort}/readyz

Post an event:
  curl -X POST ${ingestion}/event -H 'Content-Type: application/json' \\
    -d '${JSON.stringify(event)}'

Read its stats:
  curl '${reporting}/stats?site_id=my-site&date=2025-11-12'

${describeStack(stack)}

Ctrl-C stops everything.`;
}

function describeServer({ source, address, dataFolder }: StackServer): string {
  if (source === 'settings') {
    return `${address}, as the settings say`;
  }
  return source === 'running'
    ? `${address}, which was running already and stays so`
    : `${address}, data in ${fromHere(dataFolder ?? '')}`;
}

function fromHere(folder: string): string {
  const path = relative(process.cwd(), folder);
  return path.startsWith('..') ? folder : path;
}
