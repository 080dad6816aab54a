import { DAY_MS } from '@analytics/rollups/calendar';
import { type CommandOutput, runCommand } from '@analytics/shared/service/runCommand';
import { createSiteStore } from '@analytics/sites/siteStore';
import { countSelected, deleteSelected, type EventSelection } from '../src/events/deleteEvents.ts';
import { createWriteInvalidator } from '../src/events/writeInvalidator.ts';
import { createEventModel } from '../src/models/Event.model.ts';
import { createRollups } from '../src/rollup/rollups.ts';
import { confirm } from './confirm.ts';
import { readDay } from './readDay.ts';
import { type CommandDatabase, withDatabase } from './withDatabase.ts';

const HELP = `npm run events -- delete --site ID [options]

Deletes stored events. Reports are exact at once: they do not use a rollup that contains a deleted event, and the processor
rolls up the hours again. Events that still wait in the queue, and dead letters, stay.

  --site ID     of this site, by its id or an alias
  --from DAY    from this UTC day on, as YYYY-MM-DD (the first event's)
  --to DAY      up to this UTC day, which is included (the last event's)
  --user ID     only of this user
  --yes         deletes without asking; needed where nobody can be asked

The command counts the events, asks, and deletes them in small batches. It can be interrupted and repeated. MongoDB is that
of the settings of processor_service.
`;

await runCommand({
  help: HELP,
  options: {
    site: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    user: { type: 'string' },
    yes: { type: 'boolean', default: false },
  },
  needsSubcommand: true,
  run: ({ values, positionals: [command = ''] }, output) => {
    if (command !== 'delete') {
      throw new Error(`There is no command ${command}. See npm run events -- --help`);
    }
    const { site, user, yes } = values;
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
