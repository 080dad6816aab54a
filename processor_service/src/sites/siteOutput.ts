import type { KeySummary, Site } from '@analytics/sites/site';
import type { SiteStore } from '@analytics/sites/siteStore';

/** Prints a value as JSON, or as the lines that describe it. Returns the exit code 0. */
export function createShow(print: (line: string) => void, isJson: boolean) {
  return function show<Value extends object>(value: Value, describe: (value: Value) => string[]): number {
    for (const line of isJson ? [JSON.stringify(value)] : describe(value)) {
      print(line);
    }
    return 0;
  };
}

/** @throws Error that says how to find the sites. */
export async function requireSite(sites: Pick<SiteStore, 'find'>, name: string): Promise<Site> {
  const site = await sites.find(name);
  if (site === undefined) {
    throw new Error(`There is no site ${name}. npm run sites -- list shows all.`);
  }
  return site;
}

export function describeSites(sites: readonly Site[]): string[] {
  return sites.length > 0
    ? sites.map(({ id, name, domains }) => [id, name, domains.join(', ') || 'no domain'].join('  '))
    : ['There is no site. Add one: npm run sites -- add my-site --domain example.com'];
}

export function describeSite({ id, name, domains, aliases, retention_days, created_at }: Site): string[] {
  return [
    `site     ${id}`,
    `name     ${name}`,
    `domains  ${domains.join(', ') || 'none: pages need a write key'}`,
    `aliases  ${aliases.join(', ') || 'none'}`,
    `events   kept ${retention_days === null ? 'for ever' : `for ${retention_days} days`}`,
    `created  ${created_at}`,
  ];
}

export function describeKeys(keys: readonly KeySummary[]): string[] {
  return keys.map(({ id, kind, site_id, label, ...times }) => {
    const state = times.revoked_at
      ? `revoked ${times.revoked_at}`
      : `expires ${times.expires_at ?? 'never'}, last used ${times.last_used_at ?? 'never'}`;
    return [`key ${id}`, kind, site_id ?? 'all sites', label, state].join('  ');
  });
}
