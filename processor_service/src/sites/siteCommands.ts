import type { KeyStore } from '@analytics/sites/keyStore';
import type { Site, SiteChanges } from '@analytics/sites/site';
import type { SiteStore } from '@analytics/sites/siteStore';
import { createShow, describeKeys, describeSite, describeSites, requireSite } from './siteOutput.ts';

export interface SiteCommandsDeps {
  sites: SiteStore;
  keys: KeyStore;
  print: (line: string) => void;
  /** Asks before something is destroyed. */
  confirm: (question: string) => Promise<boolean>;
  /** Print JSON instead of text. */
  isJson: boolean;
}

/**
 * The commands of `npm run sites` for sites. Each resolves with its exit code, and throws if its arguments
 * are invalid.
 */
export interface SiteCommands {
  add(
    id: string,
    fields: { name: string | undefined; domains: string[]; aliases: string[] },
  ): Promise<number>;
  list(): Promise<number>;
  show(name: string): Promise<number>;
  set(name: string, changes: SiteChanges): Promise<number>;
  remove(name: string): Promise<number>;
  addTo(list: 'domains' | 'aliases', name: string, value: string): Promise<number>;
  removeFrom(list: 'domains' | 'aliases', name: string, value: string): Promise<number>;
}

export function createSiteCommands({ sites, keys, print, confirm, isJson }: SiteCommandsDeps): SiteCommands {
  const show = createShow(print, isJson);

  async function changeList(
    name: string,
    list: 'domains' | 'aliases',
    change: (values: string[]) => string[],
  ) {
    const site = await requireSite(sites, name);
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
      const site = await requireSite(sites, name);
      const its = await keys.list(site.id);
      return show({ ...site, keys: its }, () => [...describeSite(site), ...describeKeys(its)]);
    },
    set: async (name, changes) => {
      const { id } = await requireSite(sites, name);
      return show((await sites.change(id, changes)) ?? {}, (site) => describeSite(site as Site));
    },
    remove: async (name) => {
      const { id } = await requireSite(sites, name);
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
  };
}
