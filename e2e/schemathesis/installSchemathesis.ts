import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findCacheFolder } from '@analytics/local-stack/programSource';

const execute = promisify(execFile);

const REQUIREMENTS = join(import.meta.dirname, 'requirements.txt');

/**
 * Installs schemathesis into a virtual environment of the cache folder, unless it is there.
 *
 * @returns the path of the program.
 * @throws Error that says how to get Python, or why the installation failed.
 */
export async function installSchemathesis(
  environment: NodeJS.ProcessEnv,
  print: (line: string) => void,
): Promise<string> {
  // Another version of the requirements gets another folder.
  const digest = createHash('sha256')
    .update(await readFile(REQUIREMENTS))
    .digest('hex')
    .slice(0, 12);
  const folder = join(findCacheFolder(environment), `schemathesis-${digest}`);
  const program = join(folder, 'bin', 'schemathesis');
  if (existsSync(join(folder, 'complete'))) {
    return program;
  }
  const python = environment['PYTHON'] || 'python3';
  await requirePython(python);
  print(`Installing schemathesis into ${folder} …`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  try {
    await execute(python, ['-m', 'venv', folder]);
    const install = [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '--only-binary',
      ':all:',
    ];
    await execute(join(folder, 'bin', 'python'), [
      ...install,
      '--require-hashes',
      '--requirement',
      REQUIREMENTS,
    ]);
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    throw new Error(`schemathesis can't be installed: ${stderr.trim() || message}`, { cause: error });
  }
  // The last step, so that an interrupted installation is not taken for a complete one.
  await writeFile(join(folder, 'complete'), '');
  return program;
}

const CHECK_VERSION = 'import sys, venv; sys.exit(sys.version_info < (3, 11))';

async function requirePython(python: string): Promise<void> {
  try {
    await execute(python, ['-c', CHECK_VERSION]);
  } catch (error) {
    throw new Error(
      `${python} is not Python 3.11 or newer with the module venv. Install it (apt install python3-venv, brew install python, or https://www.python.org), or name another program in PYTHON.`,
      { cause: error },
    );
  }
}
