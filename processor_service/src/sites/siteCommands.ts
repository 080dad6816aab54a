import type { KeyStore } from '@analytics/sites/keyStore';
import type { KeySummary, Site } from '@analytics/sites/site';
import type { SiteStore } from '@analytics/sites/siteStore';

export interface SiteCommandsDeps {
  sites: SiteStore;
  keys: KeyStore;
  print: (line: string) => void;
  /** Asks before something is destroyed. */
  confirm: (question: string) => Promise<boolean>;
  /** Print JSON instead of text. */
  isJson: boolean;
}

export interface NewKey {
  kind: string;
  site: string | undefined;
  label: string;
  expires: string | undefined;
}

/** The commands of `npm run sites`. Each resolves with its exit code, and throws if its arguments are invalid. */
export interface SiteCommands {
  add(
    id: string,
    fields: { name: string | undefined; domains: string[]; aliases: string[] },
  ): Promise<number>;
  list(): Promise<number>;
  show(name: string): Promise<number>;
  rename(name: string, newName: string): Promise<number>;
  remove(name: string): Promise<number>;
  addTo(list: 'domains' | 'aliases', name: string, value: string): Promise<number>;
  removeFrom(list: 'domains' | 'aliases', name: string, value: string): Promise<number>;
  addKey(key: NewKey): Promise<number>;
  listKeys(site: string | undefined): Promise<number>;
  revokeKey(id: string): Promise<number>;
}

export function createSiteCommands({ sites, keys, print, confirm, isJson }: SiteCommandsDeps): SiteCommands {
  function show<Value extends object>(value: Value, describe: (value: Value) => string[]): number {
    for (const line of isJson ? [JSON.stringify(value)] : describe(value)) {
      print(line);
    }
    return 0;
  }

  async function requireSite(name: string): Promise<Site> {
    const site = await sites.find(name);
    if (site === undefined) {
      throw new Error(`There is no site ${name}. npm run sites -- list shows all.`);
    }
    return site;
  }

  async function changeList(
    name: string,
    list: 'domains' | 'aliases',
    change: (values: string[]) => string[],
  ) {
    const site = await requireSite(name);
    const changed = await sites.change(site.id, { [list]: change(site[list]) });
    return show(changed ?? site, describeSite);
  }

  return {
    add: async (id, fields) => {
      const { name, domains, aliases } = fields;
      const site = await sites.add({ id, ...(name !== undefined && { name }), domains, aliases });
      return show(site, describeSite);
    },
    list: async () => show(await sites.list(), describeSites),
    show: async (name) => {
      const site = await requireSite(name);
      const its = await keys.list(site.id);
      return show({ ...site, keys: its }, () => [...describeSite(site), ...describeKeys(its)]);
    },
    rename: async (name, newName) => {
      const { id } = await requireSite(name);
      return show((await sites.change(id, { name: newName })) ?? {}, (site) => describeSite(site as Site));
    },
    remove: async (name) => {
      const { id } = await requireSite(name);
      const its = await keys.list(id);
      const question = `Remove the site ${id} and its ${its.length} keys? Its events stay.`;
      if (!(await confirm(question))) {
        return 1;
      }
      await sites.remove(id);
      print(isJson ? JSON.stringify({ removed: id }) : `Removed ${id}.`);
      return 0;
    },
    addTo: (list, name, value) => changeList(name, list, (values) => [...values, value]),
    removeFrom: (list, name, value) =>
      changeList(name, list, (values) => {
        if (!values.includes(value)) {
          throw new Error(`${value} is not one of ${name}'s ${list}: ${values.join(', ') || 'it has none'}.`);
        }
        return values.filter((each) => each !== value);
      }),
    addKey: async ({ kind, site, label, expires }) => {
      const site_id = site === undefined ? null : (await requireSite(site)).id;
      const { key, summary } = await keys.add({
        kind: kind as 'write',
        site_id,
        label,
        ...(expires !== undefined && { expires_at: expires }),
      });
      return show({ key, ...summary }, () => [
        key,
        'Keep it: it is shown only now. It is valid within ten seconds.',
        ...describeKeys([summary]),
      ]);
    },
    listKeys: async (site) => {
      const id = site === undefined ? undefined : (await requireSite(site)).id;
      return show(await keys.list(id), describeKeys);
    },
    revokeKey: async (id) => {
      const [known] = (await keys.list()).filter((each) => each.id === id);
      if (known === undefined) {
        throw new Error(`There is no key ${id}. npm run sites -- key list shows all.`);
      }
      if (!(await confirm(`Revoke the ${known.kind} key ${id} (${known.label})? It can't be undone.`))) {
        return 1;
      }
      await keys.revoke(id);
      print(isJson ? JSON.stringify({ revoked: id }) : `Revoked ${id}. It is refused within ten seconds.`);
      return 0;
    },
  };
}

function describeSites(sites: readonly Site[]): string[] {
  return sites.length > 0
    ? sites.map(({ id, name, domains }) => [id, name, domains.join(', ') || 'no domain'].join('  '))
    : ['There is no site. Add one: npm run sites -- add my-site --domain example.com'];
}

function describeSite({ id, name, domains, aliases, created_at }: Site): string[] {
  return [
    `site     ${id}`,
    `name     ${name}`,
    `domains  ${domains.join(', ') || 'none: pages need a write key'}`,
    `aliases  ${aliases.join(', ') || 'none'}`,
    `created  ${created_at}`,
  ];
}

function describeKeys(keys: readonly KeySummary[]): string[] {
  return keys.map(({ id, kind, site_id, label, ...times }) => {
    const state = times.revoked_at
      ? `revoked ${times.revoked_at}`
      : `expires ${times.expires_at ?? 'never'}, last used ${times.last_used_at ?? 'never'}`;
    return [`key ${id}`, kind, site_id ?? 'all sites', label, state].join('  ');
  });
}
