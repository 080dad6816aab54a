import { type Check, type Finding, failure, ok, warning } from './findings.ts';

/** A service as the doctor asks it. */
export interface ServiceAddress {
  name: string;
  /** Where it answers `/readyz`. */
  url: string;
  /** The option of the command that names another address. */
  option: string;
}

/** A line of `/readyz`. */
interface Readiness {
  dependency: string;
  status: string;
  reason?: string;
  warnings?: string[];
}

const TIMEOUT_MS = 4000;

/** Asks each service for its readiness. */
export function listServiceChecks(services: readonly ServiceAddress[]): Check[] {
  return services.map(({ name, url, option }) => ({
    subject: name,
    run: async () => {
      let response: Response;
      try {
        response = await fetch(new URL('/readyz', url), { signal: AbortSignal.timeout(TIMEOUT_MS) });
      } catch (error) {
        const { cause } = error as { cause?: { code?: string } };
        const reason = cause?.code ?? (error as Error).message;
        return [
          warning(`does not answer at ${url} (${reason})`, `Start it, or name its address: ${option} URL.`),
        ];
      }
      return describeReadiness(url, await readLines(response));
    },
  }));
}

/** Undefined if the answer is not that of a service: another program has the port. */
async function readLines(response: Response): Promise<Readiness[] | undefined> {
  if (!response.headers.get('Content-Type')?.startsWith('application/x-ndjson')) {
    return undefined;
  }
  const lines = (await response.text()).trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Readiness);
}

function describeReadiness(url: string, lines: Readiness[] | undefined): Omit<Finding, 'check'>[] {
  if (lines === undefined) {
    return [
      failure(`another program answers at ${url}`, 'Set the port of the service, or stop the program.'),
    ];
  }
  const found = lines.flatMap(({ dependency, status, reason = status, warnings = [] }) => [
    ...(status === 'up' ? [] : [failure(`${dependency}: ${reason}`, 'It answers 503 until that is over.')]),
    ...warnings.map((text) => warning(`${dependency}: ${text}`, 'See docs/operations.md, Troubleshooting.')),
  ]);
  return found.length > 0 ? found : [ok(`ready at ${url}`)];
}
