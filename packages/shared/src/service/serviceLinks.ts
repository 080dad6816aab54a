/** The form of the variables that Kubernetes sets in every container, for each service of its namespace. */
const SERVICE_LINK = /^tcp:\/\/.*:(\d{1,5})$/;

/** The settings that such a variable can collide with: a service `redis` sets REDIS_PORT. */
const LISTENING_PORTS = ['', 'INGESTION_', 'PROCESSOR_', 'REPORTING_'].flatMap((prefix) => [
  `${prefix}PORT`,
  `${prefix}OPERATIONS_PORT`,
]);

export interface ServiceLinks {
  /** The source without its links. */
  values: Record<string, string>;
  /** The settings that the links mean. */
  links: Record<string, string>;
  warnings: string[];
}

/**
 * Separates the links of a Kubernetes namespace from settings. `REDIS_PORT=tcp://10.96.0.12:6379` means port
 * 6379. The link of one of our own services is the port that clients call, not the port to listen on, so it
 * sets nothing.
 */
export function splitServiceLinks(source: Readonly<Record<string, string>>): ServiceLinks {
  const values = { ...source };
  const links: Record<string, string> = {};
  const warnings: string[] = [];
  for (const name of ['REDIS_PORT', ...LISTENING_PORTS]) {
    const port = SERVICE_LINK.exec(values[name] ?? '')?.[1];
    if (port === undefined) {
      continue;
    }
    delete values[name];
    if (name === 'REDIS_PORT') {
      links[name] = port;
    } else {
      warnings.push(
        `${name} is the address of a Kubernetes service and not a port to listen on, so it is not used. Set it to a number, or enableServiceLinks to false in the pod.`,
      );
    }
  }
  return { values, links, warnings };
}
