import { readEnvironment } from '@analytics/shared/service/config';
import { runInForeground } from '../src/foreground.ts';
import { readHelpOption } from '../src/helpOption.ts';
import { findShownHost } from '../src/host.ts';
import { findRootFolder } from '../src/rootFolder.ts';
import { describeSystem } from '../src/screen.ts';
import { readServicePorts, requireFreeServicePorts, startServices } from '../src/services.ts';
import { startStack } from '../src/stack.ts';
import { createProgress, print } from '../src/terminal.ts';

readHelpOption(`npm start: the whole system, until Ctrl-C.

Redis and MongoDB as "npm run stack" has them, then the three services from their builds. Ports come from
INGESTION_PORT (3000), REPORTING_PORT (4000) and PROCESSOR_PORT (5001), in the environment or .env. Only this machine
reaches them, unless HOST is set there.`);

// The files of the servers contain events, so only this user may read them.
process.umask(0o077);

await runInForeground(async ({ signal, own }) => {
  const rootFolder = findRootFolder();
  const { environment: settings } = readEnvironment({
    processEnv: process.env,
    within: import.meta.dirname,
  });
  const ports = readServicePorts(settings);
  await requireFreeServicePorts(ports);
  const progress = createProgress();
  const stack = await startStack({ rootFolder, settings, progress, signal });
  stack.servers.forEach(own);
  // There is no authentication, so only a setting opens the services to other machines.
  const host = settings['HOST'] ?? '127.0.0.1';
  const services = await startServices({ rootFolder, stack, ports, host, progress, signal });
  services.forEach(own);
  print(describeSystem(stack, ports, await findShownHost(host)));
});
