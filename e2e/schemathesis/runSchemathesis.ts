import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SchemathesisRun {
  /** The path of schemathesis. */
  program: string;
  /** The address of the service. */
  url: string;
  /** The requests per route in each phase. */
  examples: string;
  seed: string | undefined;
}

/** Runs all checks against a service, and resolves with the exit code. */
export async function runSchemathesis({ program, url, examples, seed }: SchemathesisRun): Promise<number> {
  // It keeps the requests of its last run in the current folder.
  const folder = await mkdtemp(join(tmpdir(), 'schemathesis-'));
  const child = spawn(
    program,
    [
      ...['run', `${url}/openapi.json`, '--url', url, '--checks', 'all', '--max-examples', examples],
      ...['--continue-on-failure', '--suppress-health-check', 'all', '--request-timeout', '30'],
      ...(seed === undefined ? [] : ['--seed', seed]),
    ],
    {
      cwd: folder,
      env: {
        ...process.env,
        SCHEMATHESIS_HOOKS: 'rules',
        PYTHONPATH: import.meta.dirname,
        PYTHONDONTWRITEBYTECODE: '1',
      },
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  const [code] = (await once(child, 'exit')) as [number | null];
  await rm(folder, { recursive: true, force: true });
  return code ?? 1;
}
