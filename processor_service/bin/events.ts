import { DAY_MS } from '@analytics/rollups/calendar';
import { type CommandOutput, runCommand } from '@analytics/shared/service/runCommand';
import { createSiteStore } from '@analytics/sites/siteStore';
import { countSelected, deleteSelected, type EventSelection } from '../src/events/deleteEvents.ts';
import { countExpired, deleteExpired, listExpired } from '../src/events/retention.ts';
import { createWriteInvalidator } from '../src/events/writeInvalidator.ts';
import { createEventModel } from '../src/models/Event.model.ts';
import { createRollups } from '../src/rollup/rollups.ts';
import { requireSite } from '../src/sites/siteOutput.ts';
import { confirm } from './confirm.ts';
import { readDay } from './readDay.ts';
import { type CommandDatabase, withDatabase } from './withDatabase.ts';

const HELP = `npm run events -- <command> [options]

  delete   deletes stored events of a site
  retain   deletes the events that are older than their site keeps them (npm run sites -- set SITE --retention-days DAYS)

Reports are exact at once: they do not use a rollup that contains a deleted event, and the processor
rolls up the hours again. Events that still wait in the queue, and dead letters, stay.

  --site ID     of this site, by its id or an alias (retain: all sites that have a retention)
  --from DAY    delete: from this UTC day on, as YYYY-MM-DD (the first event's)
  --to DAY      delete: up to this UTC day, which is included (the last event's)
  --user ID     delete: only of this user
  --dry-run     retain: counts only
  --yes         deletes without asking; needed where nobody can be asked

A command counts the events, asks, and deletes them in small batches. It can be interrupted and repeated. MongoDB is that
of the settings of processor_service.
`;

await runCommand({
  help: HELP,
  options: {
    site: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    user: { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
    yes: { type: 'boolean', default: false },
  },
  needsSubcommand: true,
  run: ({ values, positionals: [command = ''] }, output) => {
    if (command === 'retain') {
      return withDatabase((database) => retain(database, values, output));
    }
    if (command !== 'delete') {
      throw new Error(`There is no command ${command}. See npm run events -- --help`);
    }
    const { site, user, yes } = values;
    if (values['dry-run']) {
      throw new Error('Only retain has --dry-run. delete counts the events and asks unless it has --yes.');
    }
    if (site === undefined) {
      throw new Error('The command needs --site. See npm run events -- --help');
    }
    const since = readDay('--from', values.from);
    const until = readDay('--to', values.to);
    return withDatabase(async (database) => {
      const found = await createSiteStore(() => database.db).find(site);
      const selection: EventSelection = {
        site_id: found?.id ?? site,
        since: since === undefined ? undefined : new Date(since),
        until: until === undefined ? undefined : new Date(until + DAY_MS),
        user_id: user,
        storedBy: new Date(),
      };
      return deleteEvents(database, selection, yes, output);
    });
  },
});

async function deleteEvents(
  { connection, db }: CommandDatabase,
  selection: EventSelection,
  isSure: boolean,
  { print, showProgress, endProgress }: CommandOutput,
): Promise<number> {
  const Event = createEventModel(connection);
  const total = await countSelected(Event, selection);
  if (total === 0) {
    print(`The site ${selection.site_id} has no such event.`);
    return 0;
  }
  if (
    !(await confirm(`Delete ${total} events of the site ${selection.site_id}? It can't be undone.`, isSure))
  ) {
    return 1;
  }
  const { invalidations } = createRollups(db, Event.collection.collectionName);
  const invalidator = createWriteInvalidator(invalidations);
  const deleted = await deleteSelected(Event, invalidator, selection, (soFar) =>
    showProgress(`${soFar} of ${total} events deleted`),
  );
  endProgress();
  print(`Deleted ${deleted} events. Reports are exact now; the processor rolls up their hours again.`);
  return 0;
}

interface RetainValues {
  site?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
  user?: string | undefined;
  'dry-run': boolean;
  yes: boolean;
}

async function retain(
  { connection, db }: CommandDatabase,
  { site, from, to, user, 'dry-run': isDryRun, yes }: RetainValues,
  { print, showProgress, endProgress }: CommandOutput,
): Promise<number> {
  if (from !== undefined || to !== undefined || user !== undefined) {
    throw new Error('retain has no --from, --to and --user: each site says how long it keeps its events.');
  }
  const Event = createEventModel(connection);
  const sites = createSiteStore(() => db);
  const id = site === undefined ? undefined : (await requireSite(sites, site)).id;
  const all = await listExpired(sites, Date.now());
  const expired = all.filter(({ site_id }) => id === undefined || site_id === id);
  const counts = await countExpired(Event, expired);
  for (const [index, { site_id, retention_days, selection }] of expired.entries()) {
    const day = selection.until.toISOString().slice(0, 10);
    print(`${site_id}  keeps ${retention_days} days  ${counts[index]} events before ${day}`);
  }
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) {
    print('No event is older than its site keeps events.');
    return 0;
  }
  if (isDryRun) {
    print(`${total} events would be deleted.`);
    return 0;
  }
  if (!(await confirm(`Delete ${total} events? It can't be undone.`, yes))) {
    return 1;
  }
  const { invalidations } = createRollups(db, Event.collection.collectionName);
  let deleted = 0;
  await deleteExpired(expired, {
    Event,
    invalidator: createWriteInvalidator(invalidations),
    onBatch: (ofBatch) => {
      deleted += ofBatch;
      showProgress(`${deleted} of ${total} events deleted`);
    },
  });
  endProgress();
  print(`Deleted ${deleted} events. Reports are exact now; the processor rolls up their hours again.`);
  return 0;
}
