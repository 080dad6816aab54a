import { DAY_MS } from '@analytics/rollups/calendar';
import { type CommandOutput, runCommand } from '@analytics/shared/service/runCommand';
import { createEventModel } from '../src/models/Event.model.ts';
import type { SiteSpan } from '../src/rollup/hoursWithEvents.ts';
import { rebuild } from '../src/rollup/rebuild.ts';
import { createRollups, type Rollups } from '../src/rollup/rollups.ts';
import { describeDifference, verify } from '../src/rollup/verify.ts';
import { readDay } from './readDay.ts';
import { withDatabase } from './withDatabase.ts';

const HELP = `npm run rollup -- <command> [options]

Rollups are what reports are answered from: counts of hours, days and months that are over. The processor makes them by
itself. They can be made again at any time; reports stay exact meanwhile.

  rebuild   makes rollups again from the events, in the place of those that are there
  verify    compares rollups with the events; ends with 1 if any differs

  --site ID     only of this site (all)
  --from DAY    from this UTC day on, as YYYY-MM-DD (the first event's)
  --to DAY      up to this UTC day, which is included (the last event's)

MongoDB is that of the settings of processor_service.
`;

const COMMANDS = new Map([
  ['rebuild', runRebuild],
  ['verify', runVerify],
]);

await runCommand({
  help: HELP,
  options: { site: { type: 'string' }, from: { type: 'string' }, to: { type: 'string' } },
  needsSubcommand: true,
  run: async ({ values, positionals: [command = ''] }, output) => {
    const run = COMMANDS.get(command);
    if (run === undefined) {
      throw new Error(`There is no command ${command}. See npm run rollup -- --help`);
    }
    const days = {
      startMs: readDay('--from', values.from) ?? Date.parse('0001-01-01T00:00:00Z'),
      endMs: (readDay('--to', values.to) ?? Date.parse('9999-12-30T00:00:00Z')) + DAY_MS,
    };
    return withDatabase(async ({ connection, db }) => {
      const rollups = createRollups(db, createEventModel(connection).collection.collectionName);
      const site_ids = values.site === undefined ? await rollups.events.distinct('site_id') : [values.site];
      return run(
        rollups,
        site_ids.map((site_id: string) => ({ site_id, ...days })),
        output,
      );
    });
  },
});

async function runRebuild(rollups: Rollups, spans: SiteSpan[], output: CommandOutput): Promise<number> {
  let done = 0;
  let stale = 0;
  const { signal } = new AbortController();
  for (const span of spans) {
    await rebuild(rollups, span, {
      signal,
      onBucket: (_id, outcome) => {
        done += outcome === 'refreshed' ? 1 : 0;
        stale += outcome === 'still-stale' ? 1 : 0;
        output.showProgress(`${span.site_id}: ${done} hours, days and months rolled up`);
      },
    });
  }
  output.endProgress();
  const rest = stale > 0 ? `; ${stale} left to the processor, because events are being stored in them` : '';
  output.print(`${done} hours, days and months rolled up${rest}.`);
  return 0;
}

async function runVerify(rollups: Rollups, spans: SiteSpan[], output: CommandOutput): Promise<number> {
  let [checked, invalid, differing] = [0, 0, 0];
  for (const span of spans) {
    const result = await verify(rollups, span, (soFar) =>
      output.showProgress(`${span.site_id}: ${soFar.checked} compared`),
    );
    output.endProgress();
    for (const difference of result.differences) {
      output.print(describeDifference(difference));
    }
    checked += result.checked;
    invalid += result.invalid;
    differing += result.differences.length;
  }
  output.print(
    `${checked} hours, days and months compared with the events, ${differing} differences; ${invalid} not rolled up yet.`,
  );
  return differing > 0 ? 1 : 0;
}
