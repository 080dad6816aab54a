import { type Check, failure, ok, warning } from './findings.ts';

const MIN_VERSION = [20, 19];
const CURRENT_MAJOR = 24;

/** Countries change their rules every year. */
const OLD_TABLES_YEARS = 2;

/** Checks of the Node that runs the command. The services should run on the same. */
export function listNodeChecks(versions: NodeJS.ProcessVersions, nowMs: number): Check[] {
  return [
    { subject: 'Node', run: async () => [checkVersion(versions.node)] },
    { subject: 'Time zones', run: async () => [checkTimeZones(versions['tz'], nowMs)] },
  ];
}

function checkVersion(node: string) {
  const [major = 0, minor = 0] = node.split('.').map(Number);
  const [minMajor = 0, minMinor = 0] = MIN_VERSION;
  if (major < minMajor || (major === minMajor && minor < minMinor)) {
    return failure(`${node} is too old`, `Install Node ${CURRENT_MAJOR}.`);
  }
  return major === minMajor
    ? warning(`${node} gets no security fixes any more`, `Install Node ${CURRENT_MAJOR}.`)
    : ok(node);
}

/** @param tables The version of the time zone tables, such as 2025b. */
function checkTimeZones(tables: string | undefined, nowMs: number) {
  const year = Number(tables?.slice(0, 4));
  const isOld = !(new Date(nowMs).getUTCFullYear() - year < OLD_TABLES_YEARS);
  return isOld
    ? warning(
        `the tables of Node are those of ${tables ?? 'an unknown version'}`,
        'Use a newer Node, or set ICU_TIMEZONE_FILES_DIR (docs/operations.md, Troubleshooting).',
      )
    : ok(`the tables of Node are those of ${tables}`);
}
