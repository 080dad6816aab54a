/**
 * What Kubernetes puts into the environment of every container, for each service of its namespace: the name's
 * own address.
 */
const SERVICE_LINK = /^tcp:\/\/.*:(\d{1,5})$/;

/** The settings whose names such a service can have by accident: a service `redis` sets REDIS_PORT. */
const LISTENING_PORTS = ['PORT', 'INGESTION_PORT', 'PROCESSOR_PORT', 'REPORTING_PORT'];

export interface ServiceLinks {
  /** The source without its links. */
  values: Record<string, string>;
  /** The settings that its links stand for. */
  links: Record<string, string>;
  warnings: string[];
}

/**
 * Tells the links of a Kubernetes namespace from settings. `REDIS_PORT=tcp://10.96.0.12:6379` leads to port
 * 6379. The port of a service of one's own is that which others call, not that on which the process is to
 * listen, so such a link sets nothing.
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
