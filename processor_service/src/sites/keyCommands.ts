import type { SiteCommandsDeps } from './siteCommands.ts';
import { createShow, describeKeys, requireSite } from './siteOutput.ts';

interface NewKey {
  kind: string;
  site: string | undefined;
  label: string;
  expires: string | undefined;
}

/**
 * The commands of `npm run sites` for keys. Each resolves with its exit code, and throws as `SiteCommands`
 * do.
 */
export interface KeyCommands {
  add(key: NewKey): Promise<number>;
  list(site: string | undefined): Promise<number>;
  revoke(id: string): Promise<number>;
}

export function createKeyCommands({ sites, keys, print, confirm, isJson }: SiteCommandsDeps): KeyCommands {
  const show = createShow(print, isJson);
  return {
    add: async ({ kind, site, label, expires }) => {
      const site_id = site === undefined ? null : (await requireSite(sites, site)).id;
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
    list: async (site) => {
      const id = site === undefined ? undefined : (await requireSite(sites, site)).id;
      return show(await keys.list(id), describeKeys);
    },
    revoke: async (id) => {
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
