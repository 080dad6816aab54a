import { describeFieldErrors, toFieldErrors } from '@analytics/shared/http/problem';
import { runCommand } from '@analytics/shared/service/runCommand';
import { createKeyStore } from '@analytics/sites/keyStore';
import type { SiteChanges } from '@analytics/sites/site';
import { createSiteStore } from '@analytics/sites/siteStore';
import { z } from 'zod';
import { createKeyCommands, type KeyCommands } from '../src/sites/keyCommands.ts';
import { createSiteCommands, type SiteCommands } from '../src/sites/siteCommands.ts';
import { confirm } from './confirm.ts';
import { withDatabase } from './withDatabase.ts';

const HELP = `npm run sites -- <command> [options]

The sites that may send events, and their API keys. With AUTH_MODE=keys, only these have access; with AUTH_MODE=open,
aliases are all that counts. A change is effective within ten seconds.

  add SITE               adds a site; its id is the site_id of its events
  list                   all sites
  show SITE              one site with its keys
  set SITE [--name NAME] [--retention-days DAYS]
                         changes its name, or how long its events are kept: a number of days, or forever
  remove SITE            removes the site and its keys; its events stay

  domain add SITE DOMAIN     pages on example.com, or *.example.com for every host below it, may send events without a key
  domain remove SITE DOMAIN
  alias add SITE ALIAS       another site_id that means this site, such as a UUID or a domain
  alias remove SITE ALIAS

  key add --kind write|read|share|admin --label TEXT [--site SITE] [--expires TIME]
                         creates a key and shows it once; write and read keys and share tokens need a site, an admin key has none
  key list [--site SITE] all keys, without their secrets
  key revoke KEY         makes a key invalid; KEY is its id in the list

  --name NAME, --domain DOMAIN, --alias ALIAS   of a new site; the last two may be repeated
  --json                 prints JSON, for tools
  --yes                  remove and revoke without asking; needed where nobody can be asked

MongoDB is that of the settings of processor_service.
`;

interface Values {
  name?: string | undefined;
  domain: string[];
  alias: string[];
  kind?: string | undefined;
  label?: string | undefined;
  site?: string | undefined;
  expires?: string | undefined;
  'retention-days'?: string | undefined;
}

await runCommand({
  help: HELP,
  options: {
    name: { type: 'string' },
    domain: { type: 'string', multiple: true, default: [] as string[] },
    alias: { type: 'string', multiple: true, default: [] as string[] },
    kind: { type: 'string' },
    label: { type: 'string' },
    site: { type: 'string' },
    expires: { type: 'string' },
    'retention-days': { type: 'string' },
    json: { type: 'boolean', default: false },
    yes: { type: 'boolean', default: false },
  },
  needsSubcommand: true,
  run: ({ values, positionals }, { print }) =>
    withDatabase(({ db }) => {
      const deps = {
        sites: createSiteStore(() => db),
        keys: createKeyStore(() => db),
        print,
        // Tools get JSON and no question.
        confirm: (question: string) => (values.json ? requireYes(values.yes) : confirm(question, values.yes)),
        isJson: values.json,
      };
      const commands = { sites: createSiteCommands(deps), keys: createKeyCommands(deps) };
      return run(commands, positionals, values).catch(explainInvalid);
    }),
});

interface Commands {
  sites: SiteCommands;
  keys: KeyCommands;
}

function run({ sites, keys }: Commands, positionals: readonly string[], values: Values): Promise<number> {
  const [first = '', second] = positionals;
  const isGroup = ['domain', 'alias', 'key'].includes(first);
  const command = isGroup ? `${first} ${second ?? ''}`.trim() : first;
  const [target, value] = positionals.slice(isGroup ? 2 : 1);
  const site = () => requireArgument(target, 'a site');
  const runs: Record<string, () => Promise<number>> = {
    add: () => sites.add(site(), { name: values.name, domains: values.domain, aliases: values.alias }),
    list: () => sites.list(),
    show: () => sites.show(site()),
    set: () => sites.set(site(), readChanges(values)),
    remove: () => sites.remove(site()),
    'domain add': () => sites.addTo('domains', site(), requireArgument(value, 'a domain')),
    'domain remove': () => sites.removeFrom('domains', site(), requireArgument(value, 'a domain')),
    'alias add': () => sites.addTo('aliases', site(), requireArgument(value, 'an alias')),
    'alias remove': () => sites.removeFrom('aliases', site(), requireArgument(value, 'an alias')),
    'key add': () =>
      keys.add({
        kind: requireArgument(values.kind, '--kind'),
        label: requireArgument(values.label, '--label'),
        site: values.site,
        expires: values.expires,
      }),
    'key list': () => keys.list(values.site),
    'key revoke': () => keys.revoke(requireArgument(target, 'the id of a key')),
  };
  // A name such as toString belongs to every object.
  const found = Object.hasOwn(runs, command) ? runs[command] : undefined;
  if (found === undefined) {
    throw new Error(`There is no command ${command}. See npm run sites -- --help`);
  }
  return found();
}

async function requireYes(isSure: boolean): Promise<boolean> {
  if (!isSure) {
    throw new Error('Add --yes: with --json, nobody is asked.');
  }
  return true;
}

/** Names the invalid arguments in one line. */
function explainInvalid(error: unknown): never {
  if (error instanceof z.ZodError) {
    throw new Error(`${describeFieldErrors(toFieldErrors(error, 'the site'))}.`, { cause: error });
  }
  throw error;
}

function readChanges({ name, 'retention-days': days }: Values): SiteChanges {
  if (name === undefined && days === undefined) {
    throw new Error('The command needs --name or --retention-days. See npm run sites -- --help');
  }
  return {
    ...(name !== undefined && { name }),
    // The schema refuses what is not a number of days.
    ...(days !== undefined && { retention_days: days === 'forever' ? null : Number(days) }),
  };
}

function requireArgument(value: string | undefined, name: string): string {
  if (value === undefined) {
    throw new Error(`The command needs ${name}. See npm run sites -- --help`);
  }
  return value;
}
